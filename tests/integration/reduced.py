"""The studies of experiments/ in sizes for tests: what to type after `python -m xstilts.train -m +experiments=NAME`.

A study keeps the alternatives and targets that its question needs. With `data=babel` instead of WORLD, and without BRIEF, they
are a run of the same cells whose numbers can be looked at.
"""

REDUCED: dict[str, list[str]] = {
    "phang2020": ["+intermediate=none,mnli,squad_v1", "+target=xquad,tatoeba", "seed=1,2"],
    "phang2020_mlm": ["hydra.sweeper.only=[none,mnli,mnli_mlm]", "+target=xquad,tatoeba", "seed=1"],
    "phang2020_translated": ["hydra.sweeper.only=[none,nli,nli_translated]", "+target=xnli,tatoeba", "seed=1"],
    "typological_diversity": ["hydra.sweeper.only=[none,english,close_1,far_1]", "+target=xnli,tatoeba", "seed=1"],
    "data_scaling": [
        "hydra.sweeper.only=[none,squad_1_steps,squad_2_steps,squad_3_steps,squad_4_steps]",
        "+target=xquad",
        "seed=1",
    ],
    "multilingual_reasoning": ["hydra.sweeper.only=[none,copa,copa_translated]", "+target=xcopa", "seed=1"],
    "task_difficulty": ["hydra.sweeper.only=[none,random,bin_1,bin_6]", "+target=xnli", "seed=1"],
    "multilingual_vs_english": ["hydra.sweeper.only=[none,squad_english,squad_translated]", "+target=xquad,tatoeba", "seed=1"],
}
"""Study -> a part of its grid."""

BRIEF = [
    "pretraining.recipe.max_steps=60",
    "intermediate.recipe.max_steps=4",
    "target.recipe.max_steps=4",
    "target.max_test_examples=12",
]
"""So little training that nothing is learnt."""

WORLD = [
    "data=babel_micro",
    "++data.world.languages={"
    "qac: {adjective: after, tense: particle, overlap: 0.27}, "
    "qae: {adjective: after, plural: prefix, tense: prefix, negation: after, overlap: 0.12, text: 0.15}, "
    "qag: {order: VSO, adjective: after, plural: prefix, tense: prefix, time: last, script: Georgian, overlap: 0.0, names: 0.5}}",
    "data.language_sets.close_1=[qab,qac]",
    "data.language_sets.far_1=[qaf,qag]",
]
"""The world of the test suites and three more languages of data=babel, one of which has little text: enough for regressions on
distance."""
