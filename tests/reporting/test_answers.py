"""Answers to declared questions: verdicts, the chance that they are right, and what is told where nothing can be tested."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame

from tests.reporting.made_up import CODES, comparison, drawn, of_scores, with_items
from xstilts.reporting import answers as module
from xstilts.reporting.answers import answers
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.declared import Declared, typed
from xstilts.reporting.diversity import DIVERSITY
from xstilts.reporting.power import Design, simulated_runs, smallest_effect
from xstilts.reporting.verdicts import NO_EFFECT

STUDIES = 300
CONTRAST = {"kind": "contrast", "a": ["a"], "b": ["b"], "expect": "positive"}


def answered(targets: list[Scored], analysis: Any = None, margin: float = 1.0, **questions: dict[str, Any]) -> Any:
    """The table of answers to primary questions."""
    declared = typed({"margin": margin, "primary": questions})
    return answers(analysis or SimpleNamespace(synthetic=False), Declared(declared, "", 0), targets)


def share(verdicts: list[str], wanted: str) -> float:
    return sum(one == wanted for one in verdicts) / len(verdicts)


def foretold(seeds: int, run_sd: float, scale: float = 1.0) -> float:
    """The smallest effect of `xstilts plan` for two choices beside none, whose difference has `scale` times its usual SD."""
    design = Design(tuple(range(seeds)), (tuple(range(seeds)),) * 2, paired=False, untrained=False)
    return smallest_effect(simulated_runs([design])[0][seeds], (seeds, seeds), (scale * run_sd,) * 2, 0.0)


@pytest.mark.slow
def test_planted_contrasts_are_found_at_the_power_that_was_foretold():
    rng, effect = np.random.default_rng(0), foretold(3, 0.5)
    verdicts = [
        answered([of_scores(drawn(rng, {"none": 0.0, "a": effect, "b": 0.0}, 3))], c=CONTRAST)["verdict"][0]
        for _ in range(STUDIES)
    ]
    assert share(verdicts, "supported") == pytest.approx(0.8, abs=0.05)


@pytest.mark.slow
def test_planted_interactions_are_found_at_the_power_that_was_foretold():
    rng, effect = np.random.default_rng(1), foretold(3, 0.5, scale=2**0.5)
    question = CONTRAST | {"kind": "interaction", "languages": ["sw"], "minus": ["de"]}

    def study() -> Scored:
        scores = drawn(rng, {"none": 0.0, "a": 0.0, "b": 0.0}, 3, run_sd=3.0, by_language={"a": {"sw": effect}})
        noisy = {
            choice: {seed: {code: value + rng.normal(0, 0.5) for code, value in own.items()} for seed, own in by_seed.items()}
            for choice, by_seed in scores.items()
        }
        return of_scores(noisy)

    verdicts = [answered([study()], c=question)["verdict"][0] for _ in range(STUDIES)]
    assert share(verdicts, "supported") == pytest.approx(0.8, abs=0.05)


@pytest.mark.slow
def test_planted_trends_are_found_at_the_power_that_was_foretold():
    question = {"kind": "graded", "levels": [["l0"], ["l1"], ["l2"]], "expect": "positive"}
    rng, effect = np.random.default_rng(2), foretold(3, 0.5)  # the rise is the last level less the first
    verdicts = [
        answered([of_scores(drawn(rng, {"l0": 0.0, "l1": effect / 2, "l2": effect}, 3))], c=question)["verdict"][0]
        for _ in range(STUDIES)
    ]
    assert share(verdicts, "supported") == pytest.approx(0.8, abs=0.05)


@pytest.mark.slow
def test_equivalence_is_found_where_it_is_and_not_where_it_is_not():
    rng = np.random.default_rng(3)

    def verdicts(true: float) -> list[str]:
        means = {"none": 0.0, "a": true, "b": 0.0}
        return [
            answered([of_scores(drawn(rng, means, 5))], margin=2.0, c=CONTRAST | {"expect": "none"})["verdict"][0]
            for _ in range(STUDIES)
        ]

    assert share(verdicts(0.0), "supported") >= 0.8
    assert share(verdicts(2.0), "supported") <= 0.05


@pytest.mark.slow
def test_the_number_of_seeds_that_would_decide_does_so():
    rng = np.random.default_rng(4)
    means = {"none": 0.0, "a": 0.0, "b": 0.0}
    (row,) = answered([of_scores(drawn(rng, means, 3, run_sd=1.0))], margin=1.5, c=CONTRAST).itertuples()
    assert row.verdict == "undecided" and f"about {row.seeds:.0f} seeds would tell an effect of " in row.text
    many = int(row.seeds)
    for true, wanted in ((0.0, NO_EFFECT), (1.5, "supported")):
        found = [
            answered([of_scores(drawn(rng, means | {"a": true}, many, run_sd=1.0))], margin=1.5, c=CONTRAST)["verdict"][0]
            for _ in range(100)
        ]
        assert share(found, wanted) >= 0.6, "it is estimated from three seeds"


def test_families_are_corrected_apart_and_untested_ones_do_not_count():
    rng = np.random.default_rng(5)
    targets = [of_scores(drawn(rng, {"none": 0.0, "a": 1.0, "b": 0.0}, 3) | drawn(rng, {"single": 0.0}, 1))]
    questions = {"first": CONTRAST, "second": CONTRAST | {"a": ["b"], "b": ["none"]}, "third": CONTRAST | {"a": ["single"]}}
    declared = typed({"primary": questions, "exploratory": {"fourth": CONTRAST}})
    found = answers(SimpleNamespace(synthetic=False), Declared(declared, "", 0), targets).set_index("question")  # type: ignore[arg-type]
    assert found["family"].tolist() == ["primary"] * 3 + ["exploratory"]
    assert found["p_corrected"]["first"] == pytest.approx(2 * found["p"]["first"])
    assert found["p_corrected"]["fourth"] == found["p"]["fourth"] == found["p"]["first"]
    assert found["verdict"]["third"] == "cannot be tested" and np.isnan(found["p"]["third"])
    assert found["text"]["third"].startswith("Cannot be tested with one run. single minus b in other languages (6), xnli: ")


def test_a_slope_on_distance_has_languages_as_its_sample(monkeypatch: pytest.MonkeyPatch):
    distance = {code: place / 10 for place, code in enumerate(CODES)}
    monkeypatch.setattr(module, "distances_to", lambda *given: {"syntactic": distance, "genetic": distance})
    rng = np.random.default_rng(6)
    gains = {"a": {code: 5 * far + rng.normal(0, 0.1) for code, far in distance.items()}}
    targets = [of_scores(drawn(rng, {"none": 0.0, "a": 0.0}, 3, by_language=gains), name) for name in ("xnli", "udpos")]
    question = {"kind": "slope", "a": ["a"], "b": ["none"], "by": "distance", "expect": "positive"}
    synthetic = SimpleNamespace(synthetic=True)  # in which languages have no families
    (row,) = answered(targets, synthetic, s=question).itertuples()
    assert row.verdict == "supported" and row.value == pytest.approx(2.5, abs=0.2), "from 0.1 to 0.6"
    assert "(syntactic distance 0.10 to 0.60)" in row.text and "+0.5 points for each 0.1, over 6 languages" in row.text
    (row,) = answered(targets, s=question | {"distance": "structural"}).itertuples()
    assert row.text == "Cannot be tested, as no 'structural' distance is known here: syntactic, genetic are."
    (row,) = answered(targets, s=question | {"languages": ["de", "fr"]}).itertuples()
    assert "a slope needs at least 4 languages" in row.text
    single = [of_scores(drawn(rng, {"none": 0.0, "a": 0.0}, 1, by_language=gains))]
    (row,) = answered(single, synthetic, s=question).itertuples()
    assert row.verdict == "cannot be tested"
    (row,) = answered(targets, s=question).itertuples()
    assert row.verdict == "undecided" and "more languages would decide, not more seeds" in row.text, "three are of one family"


def test_a_slope_on_diversity_has_choices_as_its_sample(monkeypatch: pytest.MonkeyPatch):
    sets = {f"set_{number}": number / 10 for number in range(8)}
    rows = [["", "", choice, choice, "syntactic", value] for choice, value in sets.items()]
    monkeypatch.setattr(module, "diversity", lambda analysis: DataFrame(rows, columns=DIVERSITY))
    rng = np.random.default_rng(7)
    means = {"none": 0.0} | {choice: 5 * value + rng.normal(0, 0.3) for choice, value in sets.items()}
    question = {"kind": "slope", "a": ["set_*"], "b": ["none"], "by": "diversity", "expect": "positive"}
    (row,) = answered([of_scores(drawn(rng, means, 1))], s=question).itertuples()
    assert (
        row.verdict == "supported" and row.value == pytest.approx(3.5, abs=1.5) and row.covers == "sets of languages as a sample"
    )
    twice = [["", "", f"{choice}_again", choice, "syntactic", value] for choice, value in sets.items()]
    monkeypatch.setattr(module, "diversity", lambda analysis: DataFrame(rows + twice, columns=DIVERSITY))
    again = means | {f"{choice}_again": means[choice] for choice in sets}
    (both,) = answered([of_scores(drawn(rng, again, 1))], s=question).itertuples()
    assert "over 8 sets of languages" in both.text, "choices with the same languages count once"
    (row,) = answered([of_scores(drawn(rng, means, 1))], s=question | {"a": ["set_1", "set_2"]}).itertuples()
    assert "a slope needs at least 4 sets of languages" in row.text


def test_a_law_is_the_rise_on_a_logarithmic_scale(monkeypatch: pytest.MonkeyPatch):
    sizes = {f"mnli_{size}": ("mnli", "mnli", size) for size in (1000, 10_000, 100_000, 1_000_000)}
    monkeypatch.setattr(module, "example_counts", lambda analysis: sizes)
    rng = np.random.default_rng(8)
    means = {"none": 0.0} | {choice: np.log10(size) for choice, (_, _, size) in sizes.items()}
    targets = [of_scores(drawn(rng, means, 3, run_sd=0.2))]
    question = {"kind": "law", "choices": ["mnli_*"], "languages": "low-resource", "expect": "positive"}
    (row,) = answered(targets, s=question).itertuples()
    assert row.verdict == "supported" and row.value == pytest.approx(3.0, abs=0.5)
    assert "from 1,000 to 1,000,000 examples (mnli_*) in low-resource languages, xnli" in row.text and "ln(n)" in row.text
    (row,) = answered(targets, s=question | {"choices": ["mnli_*", "none"]}).itertuples()
    assert "none differ from the others in more than the number of examples" in row.text


def test_what_results_lack_is_told():
    rng = np.random.default_rng(9)
    targets = [of_scores(drawn(rng, {"none": 0.0, "a": 0.0, "b": 0.0}, 2))]
    for wrong, told in (
        ({"a": ["c*"]}, "no cell has a choice like c*"),
        ({"languages": "Japanese"}, "no target has all of a, b in Japanese"),
        ({"targets": ["udpos"]}, "no target has all of a, b in other languages"),
        ({"a": ["a", "c*", "d"]}, "no cell has a choice like c*, d"),
        ({"kind": "graded", "levels": [["a"], ["x"]]}, "no cell has a choice like x"),
    ):
        (row,) = answered(targets, s=CONTRAST | wrong).itertuples()
        assert row.text == f"Cannot be tested, as {told}." and row.verdict == "cannot be tested"


def test_targets_without_results_are_told():
    rng = np.random.default_rng(9)
    targets = [of_scores(drawn(rng, {"none": 0.0, "a": 0.0, "b": 0.0}, 2))]
    (row,) = answered(targets, s=CONTRAST | {"targets": ["xnli", "udpos", "pan*"]}).itertuples()
    assert row.verdict != "cannot be tested" and row.text.endswith(" There are no results of udpos, pan* yet.")


def test_each_condition_has_an_answer():
    rng = np.random.default_rng(10)
    with_a, without = drawn(rng, {"none": 0.0, "a": 0.0, "b": 0.0}, 2), drawn(rng, {"none": 0.0}, 2)
    targets = [replace(of_scores(own), condition=name) for own, name in ((with_a, ""), (with_a, "seed=2"), (without, "x"))]
    assert answered(targets, s=CONTRAST)["condition"].tolist() == ["", "seed=2"]


@pytest.mark.parametrize("paired", [False, True])
def test_the_estimate_without_collapsed_runs_stands_beside_that_with_all(paired: bool):
    scores = drawn(np.random.default_rng(11), {"none": 0.0, "a": 2.0, "b": 0.0}, 4)
    for code in CODES:
        scores["a"][1][code] = 5.0
    target = replace(of_scores(scores, paired=paired), collapsed={"a": {1: "far below"}})
    (row,) = answered([target], c=CONTRAST).itertuples()
    left = [seed for seed in scores["b"] if seed != 1 or not paired]
    value = np.mean([scores["a"][seed]["de"] for seed in (2, 3, 4)]) - np.mean([scores["b"][seed]["de"] for seed in left])
    assert row.value < -10 and f"; without 1 collapsed run +{value:.1f}, 95 % interval " in row.text
    assert "collapsed" not in answered([of_scores(scores)], c=CONTRAST)["text"][0]


def test_an_interval_over_runs_only_says_for_which_targets_items_are_missing():
    rng = np.random.default_rng(12)
    compared = [comparison(drawn(rng, {"none": 0.0, "a": 0.0, "b": 0.0}, 3), name) for name in ("xnli", "udpos")]
    with_all = [scored(one, "", with_items(one, rng)) for one in compared]
    assert "test items are not known" not in answered(with_all, c=CONTRAST)["text"][0]
    (row,) = answered([with_all[0], scored(compared[1], "", {})], c=CONTRAST).itertuples()
    assert row.covers == "runs" and "over runs only, as test items are not known for all runs of udpos" in row.text
