"""The smallest effect is found as often as stated, by the report's own code, and moves as it must."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower

from xstilts.reporting.comparison import BASELINE, compared
from xstilts.reporting.effects import ComparedRuns, group_run_variances
from xstilts.reporting.power import ITEM_SD, POWER, RUN_SDS, Design, decisive_seeds, smallest_effect, smallest_effects
from xstilts.reporting.power import simulated_runs as of_grid
from xstilts.reporting.run_variances import RunVariance
from xstilts.reporting.statistics import SIGNIFICANT, Estimate, effect

GROUP = {("other languages", "whole"): ["de"]}
KEY = next(iter(GROUP))


def design(choices: int, seeds: int, paired: bool = False, untrained: bool = False) -> Design:
    own = tuple(range(seeds))
    return Design(own, (own,) * choices, paired, untrained)


def simulated_runs(of: Design) -> dict[int, list[Estimate]]:
    return of_grid([of])[0]


def found(of: Design, stated: float, run_sd: float, item_sd: float, alpha: float, studies: int) -> float:
    """Simulate studies in which every choice has the stated effect; return how often it is significant."""
    rng, significant = np.random.default_rng(1), []
    names = [BASELINE, *map(str, range(len(of.choices)))]
    for _ in range(studies):
        own = {name: 0.0 if of.untrained and name == BASELINE else run_sd for name in names}
        shared = {seed: rng.normal(0, 5) if of.paired else 0.0 for seed in of.baseline}
        scores = {
            name: {
                seed: {"de": 60 + stated * (name != BASELINE) + shared[seed] + rng.normal(0, own[name])} for seed in of.baseline
            }
            for name in names
        }
        known = group_run_variances([ComparedRuns(scores, GROUP, of.paired, of.untrained)])[0][KEY]
        for name in names[1:]:
            rows = [np.array([[score["de"]] for score in scores[side].values()]) for side in (BASELINE, name)]
            of_items = rng.normal(0, item_sd)  # the test set is one draw: it moves the difference of all seeds alike
            result = effect(rows[0], rows[1] + of_items, item_sd**2, (known.of(BASELINE), known.of(name)))
            significant.append(result.p <= alpha)
    return float(np.mean(significant))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(
    ("choices", "paired", "untrained", "run_sd", "item_sd", "comparisons"),
    [
        (1, False, False, 1.0, 0.5, 1),
        (6, False, False, 1.0, 0.0, 18),
        (4, True, False, 2.0, 0.5, 4),
        (4, False, True, 0.5, 0.4, 1),
    ],
)
def test_the_report_finds_the_stated_effect_four_times_in_five(
    seeds: int, choices: int, paired: bool, untrained: bool, run_sd: float, item_sd: float, comparisons: int
) -> None:
    of = design(choices, seeds, paired, untrained)
    sds = 0.0 if untrained else run_sd, run_sd
    stated = smallest_effect(simulated_runs(of)[seeds], (seeds, seeds), sds, item_sd**2, comparisons)
    power = found(of, stated, run_sd, item_sd, SIGNIFICANT / comparisons, 1200 // choices)
    assert power == pytest.approx(POWER, abs=0.04)


@pytest.mark.slow
def test_with_many_seeds_it_is_that_of_students_test() -> None:
    seeds = 60
    wanted = TTestIndPower().solve_power(nobs1=seeds, alpha=SIGNIFICANT, power=POWER)
    stated = smallest_effect(simulated_runs(design(1, seeds))[seeds], (seeds, seeds), (1.0, 1.0), 0.0)
    assert wanted <= stated <= 1.04 * wanted, (
        "nothing but the two choices tells how much their variances differ, which costs a little"
    )


@pytest.mark.slow
def test_with_items_alone_it_is_that_of_the_normal_test() -> None:
    assert smallest_effect(simulated_runs(design(1, 3))[3], (3, 3), (0.0, 0.0), 4.0) == pytest.approx(2 * 2.8016, abs=1e-3)
    assert smallest_effect(simulated_runs(design(1, 3))[3], (3, 3), (0.0, 0.0), 0.0) == 0.0


THREE = simulated_runs(design(4, 3))[3]


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.floats(0.1, 5), st.floats(0, 4), st.integers(1, 80))
def test_more_noise_comparisons_and_power_need_a_larger_effect(run_sd: float, item_variance: float, comparisons: int) -> None:
    def stated(sd: float = run_sd, **more: Any) -> float:
        return smallest_effect(THREE, (3, 3), (sd, sd), item_variance, **{"comparisons": comparisons, **more})

    assert stated() < stated(comparisons=comparisons + 1) and stated() < stated(alpha=0.01) and stated() < stated(power=0.9)
    assert stated() < stated(2 * run_sd)
    doubled = smallest_effect(THREE, (3, 3), (2 * run_sd, 2 * run_sd), 4 * item_variance, comparisons)
    assert doubled == pytest.approx(2 * stated()), "the unit does not matter"


@pytest.mark.slow
def test_more_seeds_and_more_choices_find_smaller_effects() -> None:
    def stated(choices: int, seeds: int) -> float:
        return smallest_effect(simulated_runs(design(choices, seeds))[seeds], (seeds, seeds), (1.0, 1.0), 0.1)

    by_seeds = [stated(4, seeds) for seeds in (2, 3, 4, 5, 8)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert stated(8, 3) < stated(1, 3), "more choices estimate the variance between runs better"


def test_one_seed_is_not_tested() -> None:
    assert simulated_runs(design(3, 1)) == {} and simulated_runs(Design((1,), ((1, 2),), False, False)) == {}
    assert all(math.isnan(smallest_effect(THREE, seeds, (1.0, 1.0), 0.1)) for seeds in ((1, 3), (3, 1), (1, 1)))


def test_paired_choices_that_share_no_two_seeds_are_tested_by_their_differences() -> None:
    of = Design((1, 2, 3), ((1, 2), (2, 3)), True, False)
    runs = simulated_runs(of)[2]
    assert {one.freedom for one in runs} == {1}
    assert np.mean([one.variance for one in runs]) == pytest.approx(1, abs=0.1), "2 runs a side"


def result(choice: str, seed: int, target: str = "xnli", value: float = 0.0, items: int = 100, metric: str = "accuracy") -> Any:
    rows = [
        {"task": target, "language": code, "split": "test", "metric": metric, "value": value, "examples": count}
        for code, count in (("en", 5 * items), ("de", items), ("sw", 3 * items))
    ]
    return {
        "cell": {"study": "s", "intermediate": [choice], "target": target, "seed": seed, "source_language": "en"},
        "fingerprint": f"{abs(hash((choice, seed, target))):016x}",
        "artifacts": [],
        "rows": rows,
        "config": {"target": {"task": {"metrics": ["accuracy"]}, "training": {"mnli": {}}}},
    }


def planned(seeds: dict[str, int], **more: Any) -> list[Any]:
    return [result(choice, seed, **more) for choice, count in seeds.items() for seed in range(1, count + 1)]


@pytest.mark.slow
def test_a_study_has_a_line_for_each_target_number_of_seeds_and_run_sd() -> None:
    cells = planned({"none": 5, "mnli": 3, "qqp": 3, "snli": 1}) + planned({"none": 2, "mnli": 2}, target="pawsx", items=0)
    found = smallest_effects(compared(cells))
    assert [(one.target, one.choices, one.seeds, one.baseline_seeds, one.run_sd) for one in found] == [
        *(("pawsx", 1, 2, 2, sd) for sd in RUN_SDS),
        *(("xnli", 2, 3, 5, sd) for sd in RUN_SDS),
        *(("xnli", 1, 1, 5, sd) for sd in RUN_SDS),
    ]
    pawsx, xnli, single = found[:3], found[3:6], found[6:]
    assert {(one.languages, one.items, one.comparisons, one.measured) for one in xnli + single} == {(2, 150, 3, False)}
    assert all(one.item_sd == ITEM_SD for one in xnli) and all(one.items == 0 and math.isnan(one.item_sd) for one in pawsx)
    assert all(0 < one.effect < one.corrected for one in xnli + pawsx)
    assert all(math.isnan(one.effect) and math.isnan(one.corrected) for one in single)
    by_hand = Design((1, 2, 3, 4, 5), ((1, 2, 3), (1, 2, 3), (1,)), False, False)
    simulated = of_grid([Design((1, 2), ((1, 2),), False, False), by_hand])[1]
    wanted = smallest_effect(simulated[3], (5, 3), (2.0, 2.0), ITEM_SD**2 / 150, 3)
    assert xnli[2].corrected == wanted


def test_without_a_baseline_or_a_choice_there_is_nothing_to_find() -> None:
    assert (
        smallest_effects([])
        == smallest_effects(compared(planned({"mnli": 3})))
        == smallest_effects(compared(planned({"none": 3})))
        == []
    )


@pytest.mark.slow
def test_finished_results_replace_the_assumed_run_sd() -> None:
    rng = np.random.default_rng(0)
    finished = [result(name, seed, value=60 + float(rng.normal())) for name in ("none", "mnli") for seed in (1, 2, 3)]
    cells = planned({"none": 5, "mnli": 5})
    (one,) = smallest_effects(compared(cells), compared(finished))
    by_choice = [[row["rows"][1]["value"] for row in finished[start : start + 3]] for start in (0, 3)]
    assert one.measured and one.run_sd == pytest.approx(
        math.sqrt(np.mean([np.var(values, ddof=1) for values in by_choice])), rel=0.1
    )
    others = [result(name, seed, target="pawsx") for name in ("none", "mnli") for seed in (1, 2, 3)]
    for unusable in (others, finished[:1]):
        assert [one.run_sd for one in smallest_effects(compared(cells), compared(unusable))] == [*RUN_SDS]


def test_more_variance_needs_more_seeds_and_items_set_a_limit():
    def seeds(run_sd: float, item_sd: float, comparisons: int = 1) -> float:
        runs = [(1.0, RunVariance(run_sd**2, 20.0))] * 2
        return decisive_seeds(runs, 3, 20.0, item_sd**2, margin=1.0, comparisons=comparisons)

    assert seeds(0.1, 0.0) == 2 < seeds(0.5, 0.1) < seeds(1.0, 0.1) < seeds(2.0, 0.1)
    assert seeds(0.5, 0.1) < seeds(0.5, 0.1, comparisons=50) and seeds(0.5, 0.1) < seeds(0.5, 0.3)
    assert math.isinf(seeds(0.1, 1.0)), "no number of seeds makes test items more"
