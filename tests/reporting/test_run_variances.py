"""Variances between runs: their limits (all cells alike, nothing alike), pairs of seeds, collapsed runs, and few cells."""

import numpy as np
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas import DataFrame
from statsmodels.stats.anova import anova_lm

from xstilts.reporting.run_variances import RunVariances, TargetRuns, run_variances
from xstilts.reporting.statistics import run_estimate


def named(scores_CS: np.ndarray) -> dict[str, np.ndarray]:
    return {f"choice{number}": scores_S for number, scores_S in enumerate(scores_CS)}


def estimated(targets: list[TargetRuns]) -> list[RunVariances]:
    return [one for one in run_variances(targets) if one is not None]


def grid(sd_TC: np.ndarray, seeds: int, seed: int = 0) -> list[TargetRuns]:
    rng = np.random.default_rng(seed)
    return [TargetRuns(named(60 + rng.normal(size=(len(sd_C), seeds)) * sd_C[:, None])) for sd_C in sd_TC]


def test_where_all_cells_vary_alike_they_have_the_level_of_their_target_and_nearly_its_degrees_of_freedom() -> None:
    levels = np.array([0.5, 1, 2, 4, 1, 1, 1, 1, 1])
    for one, level in zip(estimated(grid(np.outer(levels, np.ones(11)), 5)), levels, strict=True):
        assert 0.6 * level**2 < one.common.variance < 1.5 * level**2
        assert all(own.variance == pytest.approx(one.common.variance, rel=0.8) for own in one.by_choice.values())
        assert 33 < one.common.shared_freedom < 44 and run_estimate([(0.2, one.common)] * 2).freedom > 20


def test_where_cells_vary_by_a_factor_of_ten_each_is_judged_mostly_by_itself() -> None:
    sd_TC = 10 ** np.random.default_rng(1).uniform(-0.5, 0.5, (9, 11))
    for target, one in zip(runs := grid(sd_TC, 5), estimated(runs), strict=True):
        assert all(own.freedom < 9 for own in one.by_choice.values())
        for choice, own in one.by_choice.items():
            assert 0.4 < own.variance / (0.7 * target.scores_S[choice].var(ddof=1) + 0.3 * one.common.variance) < 2


def test_a_choice_that_varies_more_on_all_targets_has_a_factor_and_leaves_the_others_alone() -> None:
    sd_TC = np.ones((9, 11))
    alike = estimated(grid(sd_TC, 3))
    sd_TC[:, 4] = 10
    for one, before in zip(estimated(grid(sd_TC, 3)), alike, strict=True):
        assert 30 < one.of("choice4").variance < 300 and one.of("choice4").freedom > 10
        for choice in set(one.by_choice) - {"choice4"}:
            assert one.of(choice).variance == pytest.approx(before.of(choice).variance, rel=0.4)


def test_paired_choices_are_pooled_as_in_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(6)
    scores = 60 + rng.normal(0, 20, (1, 6)) + rng.normal(0, 1, (9, 1)) + rng.normal(0, 2, (9, 6))
    rows = [{"choice": c, "seed": s, "value": scores[c, s]} for c in range(9) for s in range(6)]
    table = anova_lm(smf.ols("value ~ C(choice) + C(seed)", DataFrame(rows)).fit())
    (found,) = estimated([TargetRuns(named(scores), paired=True)])
    assert found.common.variance == pytest.approx(table["mean_sq"]["Residual"], rel=0.15)
    assert 25 < found.common.shared_freedom < table["df"]["Residual"] == 40
    (two,) = estimated([TargetRuns(named(scores[:2]), paired=True)])
    half = (scores[1] - scores[0]).var(ddof=1) / 2
    assert [own.variance for own in two.by_choice.values()] == pytest.approx([half, half], rel=0.1)


def test_single_runs_and_a_single_paired_choice_tell_nothing() -> None:
    scores = np.random.default_rng(0).normal(60, 1, (3, 6))
    nothing = [TargetRuns(named(scores[:, :1])), TargetRuns(named(scores[:1]), paired=True), TargetRuns({})]
    assert run_variances(nothing) == [None, None, None] and run_variances([]) == []
    found = run_variances([*nothing, TargetRuns(named(scores))])
    assert found[:3] == [None, None, None] and found[3] is not None


def test_a_choice_with_one_run_has_the_variance_that_the_others_show() -> None:
    rng = np.random.default_rng(13)
    scores = {"none": rng.normal(60, 1, 8), "mnli": rng.normal(62, 1, 3), "qqp": rng.normal(61, 1, 1)}
    (found,) = estimated([TargetRuns(scores)])
    assert found.of("qqp") == found.common == found.of("never run") and found.common.shared == found.common.variance
    pooled = (7 * scores["none"].var(ddof=1) + 2 * scores["mnli"].var(ddof=1)) / 9
    assert found.common.variance == pytest.approx(pooled, rel=0.5)


def test_runs_without_any_variance_are_certain_and_change_no_other_target() -> None:
    rng = np.random.default_rng(3)
    same, other = TargetRuns(named(np.full((4, 3), 50.0))), TargetRuns(named(rng.normal(60, 1, (4, 3))))
    still, varying = estimated([same, other])
    assert all(own.variance == 0.0 for own in still.by_choice.values()) and varying == estimated([other])[0]
    partly = np.full((4, 3), 50.0)
    partly[3] = 40, 50, 60
    (found,) = estimated([TargetRuns(named(partly))])
    assert all(0 < own.variance < 100.001 for own in found.by_choice.values())


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("targets", [1, 9])
def test_a_collapsed_run_widens_its_own_choice_and_no_other(paired: bool, targets: int) -> None:
    rng = np.random.default_rng(9)
    scores_TCS = rng.normal(60, 1, (targets, 8, 3))
    before = estimated([TargetRuns(named(scores_CS), paired) for scores_CS in scores_TCS])[0]
    scores_TCS[0, 5, 1] -= 30
    flags = {"choice5": np.array([False, True, False])}
    runs = [TargetRuns(named(scores_CS), paired, {} if place else flags) for place, scores_CS in enumerate(scores_TCS)]
    found = estimated(runs)[0]
    own = found.of("choice5")
    assert own.variance == pytest.approx(300, rel=0.3) and own.freedom == 2 and own.shared == 0
    assert found.without_collapsed("choice5").variance < 3
    for choice in set(found.by_choice) - {"choice5"}:
        assert found.of(choice).variance == pytest.approx(before.of(choice).variance, rel=0.2)


def test_where_every_run_collapsed_all_of_them_count() -> None:
    scores = np.random.default_rng(2).normal(33, 1, (3, 4))
    every = dict.fromkeys(named(scores), np.ones(4, dtype=bool))
    (found,) = estimated([TargetRuns(named(scores), collapsed_S=every)])
    assert 0.2 < found.common.variance < 3 and found.of("choice1").variance >= found.without_collapsed("choice1").variance


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=4), min_size=1, max_size=5), st.floats(0.01, 100))
def test_the_unit_of_the_scores_does_not_matter(runs: list[list[float]], unit: float) -> None:
    scores = {str(place): np.array(own).round(3) for place, own in enumerate(runs)}
    (found,) = run_variances([TargetRuns(scores)])
    (scaled,) = run_variances([TargetRuns({choice: unit * own for choice, own in scores.items()})])
    assert (found is None) == (scaled is None) == all(len(own) == 1 for own in runs)
    if found and scaled:
        for choice, own in found.by_choice.items():
            assert scaled.by_choice[choice].variance == pytest.approx(unit**2 * own.variance, rel=1e-6, abs=1e-9)
            assert scaled.by_choice[choice].freedom == pytest.approx(own.freedom, rel=1e-6)
