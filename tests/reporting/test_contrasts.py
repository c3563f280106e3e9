"""Linear combinations of choices and languages: the same numbers as the table of effects, and what they are made of."""

import numpy as np
import pytest

from tests.reporting.made_up import CODES, comparison, drawn, of_scores, with_items
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.contrasts import combination, part_of, scored, trend_weights, values_by_language
from xstilts.reporting.effects import compared_runs, group_effects, group_run_variances
from xstilts.reporting.groups import OTHERS, SEEN, UNSEEN, WHOLE
from xstilts.reporting.items import Items

ANY_SEEDS = {"none": 5, "mnli": 3, "squad": 4}


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("untrained", [False, True])
def test_a_choice_minus_none_is_the_effect_of_the_table(paired: bool, untrained: bool):
    rng = np.random.default_rng(1)
    compared, items = [], []
    for target in ("xnli", "udpos", "panx"):
        scores = {
            choice: drawn(
                rng, {choice: 1.0}, 4 if paired else ANY_SEEDS[choice], run_sd=0.0 if untrained and choice == "none" else 1
            )[choice]
            for choice in ANY_SEEDS
        }
        settings = {"target.training": '"none"'} if untrained else {}
        compared.append(comparison(scores, target, paired=paired, settings=settings))
        items.append(with_items(compared[-1], rng))
    runs = [compared_runs(one) for one in compared]
    variances = group_run_variances(runs)
    targets = [scored(one, "", own) for one, own in zip(compared, items, strict=True)]
    key = (OTHERS, WHOLE)
    for place, (one, own) in enumerate(zip(compared, items, strict=True)):
        by_name: dict[tuple[str, int], Items] = {
            (result["cell"]["intermediate"][0], result["cell"]["seed"]): found
            for result, found in zip(one.results(), own.values(), strict=True)
        }
        for choice in ("mnli", "squad"):
            sides = runs[place].by_choice[BASELINE], runs[place].by_choice[choice]
            of_items = tuple(
                {seed: by_name[name, seed] for seed in side} for name, side in zip((BASELINE, choice), sides, strict=True)
            )
            known = variances[place][key]
            (effect,) = group_effects(
                *sides,
                {key: runs[place].groups[key]},
                of_items,
                {key: (known.of(BASELINE), known.of(choice))},  # type: ignore[arg-type]
            )
            weights = {choice: 1.0, BASELINE: -1.0}
            grid = [part for target in targets if (part := part_of(target, list(weights), OTHERS))]
            found = combination(weights, [grid[place]], grid, [[choice], [BASELINE]])
            assert found is not None
            for name in ("value", "low", "high", "p", "freedom", "error"):
                assert getattr(found.estimated, name) == pytest.approx(getattr(effect.effect, name), abs=1e-9), name
            assert found.estimated.covers == effect.effect.covers == "runs and test items"


def test_one_run_on_a_side_is_not_tested():
    rng = np.random.default_rng(0)
    target = of_scores(drawn(rng, {"none": 0.0, "mnli": 1.0}, 3) | drawn(rng, {"squad": 0.0}, 1))
    for choices, tested in ((["mnli", "none"], True), (["mnli", "squad"], False)):
        part = part_of(target, choices, OTHERS)
        assert part is not None
        found = combination({choices[0]: 1.0, choices[1]: -1.0}, [part], [part], [[choice] for choice in choices])
        assert found is not None
        assert found.estimated.tested == tested == (not np.isnan(found.estimated.p))
        assert not np.isnan(found.estimated.low), "the runs of other choices show how much runs vary"


def test_an_interaction_is_the_difference_of_differences_within_runs():
    rng = np.random.default_rng(0)
    scores = drawn(rng, {"none": 0.0, "mnli": 1.0}, 3, run_sd=5.0, by_language={"mnli": {"zh": 2.0, "sw": 2.0}})
    part = part_of(of_scores(scores), ["mnli", "none"], ["zh", "sw"], ["de", "fr"])
    assert part is not None
    found = combination({"mnli": 1.0, "none": -1.0}, [part], [part], [["mnli"], ["none"]])
    assert found is not None
    assert found.estimated.value == pytest.approx(2.0) and found.estimated.error == pytest.approx(0.0), "runs move both alike"


def test_over_targets_the_seeds_that_all_have_count_and_runs_are_shared():
    rng = np.random.default_rng(0)
    scores = [drawn(rng, {"none": 0.0, "mnli": gain}, seeds) for gain, seeds in ((1.0, 3), (3.0, 2))]
    parts = [part_of(of_scores(own, name), ["mnli", "none"], OTHERS) for own, name in zip(scores, ("xnli", "udpos"), strict=True)]
    found = combination({"mnli": 1.0, "none": -1.0}, parts, [], [["mnli"], ["none"]])  # type: ignore[arg-type]
    assert found is not None and found.counts == {"mnli": 2, "none": 2}
    means = [[np.mean([own[choice][seed]["de"] for seed in (1, 2)]) for choice in ("mnli", "none")] for own in scores]
    assert found.estimated.value == pytest.approx(np.mean([mnli - none for mnli, none in means]))
    apart = [
        part_of(of_scores({choice: {seed: {"en": 1.0, "de": 1.0}} for choice in ("none", "mnli")}), ["mnli"], OTHERS)
        for seed in (1, 2)
    ]
    assert combination({"mnli": 1.0}, apart, [], [["mnli"]]) is None, "no seed in common"  # type: ignore[arg-type]


def test_languages_of_a_group():
    rng = np.random.default_rng(0)
    trained_in = {"multi": ["en", "de", "zh"], "mono": ["en"]}
    target = of_scores(drawn(rng, {"none": 0.0, "mono": 0.0, "multi": 0.0}, 1), trained_in=trained_in)

    def languages(group: object, choices: tuple[str, ...] = ("multi", "mono")) -> list[str]:
        part = part_of(target, choices, group)
        return list(part.languages) if part else []

    assert languages(OTHERS) == CODES[1:]
    assert languages("seen") == languages(SEEN) == ["de", "zh"]
    assert languages("unseen") == languages(UNSEEN) == ["fr", "ru", "tr", "sw"], "by all choices"
    assert languages("unseen", ("mono", "none")) == CODES[1:]
    assert languages("near") == languages("Indo-European") == ["de", "fr", "ru"] and languages("far") == ["tr", "zh", "sw"]
    assert languages("low-resource") == languages(["sw", "xx"]) == languages("sw") == ["sw"]
    assert languages("Japanese") == [] and languages(OTHERS, ("multi", "absent")) == []
    part = part_of(target, ["mono"], "far", OTHERS)
    assert (
        part is not None
        and part.languages["zh"] == pytest.approx(1 / 3 - 1 / 6)
        and sum(part.languages.values()) == pytest.approx(0)
    )


def test_values_by_language_are_of_seeds_or_of_means():
    scores = {"a": {1: {"en": 1.0, "de": 2.0}, 2: {"en": 3.0, "de": 4.0}}, "b": {1: {"en": 0.0, "de": 0.0}}}
    part = part_of(of_scores(scores), ["a", "b"], "all languages")
    assert part is not None
    assert values_by_language({"a": 1.0, "b": -1.0}, part) == [{"en": 2.0, "de": 3.0}]
    assert values_by_language({"a": 1.0}, part) == [{"en": 1.0, "de": 2.0}, {"en": 3.0, "de": 4.0}]


def test_a_trend_is_the_rise_of_the_line():
    weights = trend_weights([(0.0, ["low"]), (1.0, ["mid_1", "mid_2"]), (3.0, ["high"])])
    at = {"low": 0.0, "mid_1": 1.0, "mid_2": 1.0, "high": 3.0}
    assert sum(weights.values()) == pytest.approx(0.0) and weights["mid_1"] == weights["mid_2"]
    assert sum(weight * (7 + 2 * at[choice]) for choice, weight in weights.items()) == pytest.approx(6.0)
    with pytest.raises(ValueError, match="two different levels"):
        trend_weights([(1.0, ["a"]), (1.0, ["b"])])
