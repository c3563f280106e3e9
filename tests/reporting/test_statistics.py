"""Differences and their uncertainty, checked against simulation, statsmodels and cases that can be told by hand."""

import math

import numpy as np
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas import DataFrame
from scipy.stats import t, ttest_ind, ttest_rel
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from xstilts.reporting.run_variances import MANY, RunVariance, TargetRuns, run_variances
from xstilts.reporting.statistics import (
    ITEMS,
    LEVEL,
    NOTHING,
    RUNS,
    RUNS_AND_ITEMS,
    certain_part,
    effect,
    holm,
    run_estimate,
    total_variance,
    variance_parts,
)


def test_without_items_it_is_the_paired_t_test_over_seeds() -> None:
    rng = np.random.default_rng(0)
    baseline, treated = rng.normal(60, 2, (5, 4)), rng.normal(62, 2, (5, 4))
    found, wanted = effect(baseline, treated), ttest_rel(treated.mean(1), baseline.mean(1))
    interval = wanted.confidence_interval(LEVEL)
    assert (found.value, found.p) == pytest.approx(((treated - baseline).mean(), wanted.pvalue))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high)) and found.freedom == 4
    assert math.isnan(found.item_sd)


def test_one_seed_has_an_interval_over_items_alone_or_none_and_is_never_tested() -> None:
    one = effect(np.array([[50.0, 40.0]]), np.array([[52.0, 43.0]]), item_variance=1.0)
    assert (one.value, one.low, one.high) == pytest.approx((2.5, 2.5 - 1.959964, 2.5 + 1.959964))
    assert (one.freedom, one.item_sd, one.covers) == (MANY, 1.0, ITEMS) and math.isnan(one.seed_sd) and math.isnan(one.p)
    none = effect(np.array([[50.0]]), np.array([[52.0]]))
    assert (none.value, none.covers) == (2.0, NOTHING) and all(math.isnan(value) for value in (none.low, none.high, none.p))


def test_one_seed_uses_the_run_variance_that_other_choices_show_and_is_not_tested() -> None:
    scores = np.array([[50.0, 40.0]]), np.array([[52.0, 43.0]])
    runs = (RunVariance(4.0, 60, shared=4.0, shared_freedom=20),) * 2
    found = effect(*scores, item_variance=1.0, runs=runs)
    assert found.covers == RUNS_AND_ITEMS and math.isnan(found.p)
    assert found.high - found.low == pytest.approx(2 * 3.0 * t.ppf(0.975, 9**2 / (2 * 4**2 / 60 + 8**2 / 20)))
    assert effect(*scores, runs=runs).covers == RUNS


def test_nothing_that_varies_leaves_no_doubt() -> None:
    same = effect(np.full((3, 2), 50.0), np.full((3, 2), 50.0), item_variance=0.0)
    assert (same.value, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    other = effect(np.full((3, 2), 50.0), np.full((3, 2), 51.0))
    assert (other.low, other.high, other.p) == (1.0, 1.0, 0.0)


def test_the_parts_of_variance_are_those_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 2, (6, 1)) + rng.normal(0, 3, (1, 8)) + rng.normal(0, 1, (6, 8))
    rows = [{"seed": s, "language": c, "value": values[s, c]} for s in range(6) for c in range(8)]
    table = anova_lm(smf.ols("value ~ C(seed) + C(language)", DataFrame(rows)).fit())
    mean_square = table["mean_sq"]
    rest = mean_square["Residual"]
    wanted = ((mean_square["C(seed)"] - rest) / 8, (mean_square["C(language)"] - rest) / 6, rest)
    assert np.square(variance_parts(values)) == pytest.approx(wanted)


@pytest.mark.parametrize(("seeds", "languages"), [(1, 1), (1, 4), (4, 1)])
def test_what_one_seed_or_language_cannot_tell_is_nan(seeds: int, languages: int) -> None:
    seed, language, rest = variance_parts(np.arange(float(seeds * languages)).reshape(seeds, languages))
    assert math.isnan(rest) and math.isnan(seed) == (seeds == 1) and math.isnan(language) == (languages == 1)


@pytest.mark.slow  # statsmodels takes seconds to import
@settings(max_examples=25)
@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=8))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    found, known = holm(p_values), [p for p in p_values if not math.isnan(p)]
    assert [math.isnan(p) for p in found] == [math.isnan(p) for p in p_values]
    wanted = multipletests(known, method="holm")[1].tolist() if known else []
    assert [p for p in found if not math.isnan(p)] == pytest.approx(wanted)


def named(scores_CS: np.ndarray) -> dict[str, np.ndarray]:
    return {f"choice{number}": scores_S for number, scores_S in enumerate(scores_CS)}


def test_sides_with_variances_and_numbers_of_runs_of_their_own_are_compared_as_welch_does() -> None:
    rng = np.random.default_rng(10)
    sides = rng.normal(60, 1, (7, 1)), rng.normal(60, 9, (4, 1))
    variances = [float(side.var(ddof=1)) for side in sides]
    estimate = run_estimate(
        [(1 / len(side), RunVariance(own, len(side) - 1)) for side, own in zip(sides, variances, strict=True)]
    )
    wanted = ttest_ind(sides[1][:, 0], sides[0][:, 0], equal_var=False)
    assert estimate.freedom == pytest.approx(wanted.df) and estimate.least == 3
    found = effect(*sides, runs=(RunVariance(variances[0], 6), RunVariance(variances[1], 3)))
    assert found.freedom == 3 and found.p == pytest.approx(2 * t.sf(abs(wanted.statistic), 3)) and found.p > wanted.pvalue


def test_with_one_common_variance_it_is_students_test() -> None:
    rng = np.random.default_rng(11)
    sides = rng.normal(60, 1, (7, 1)), rng.normal(61, 1, (4, 1))
    pooled = (6 * sides[0].var(ddof=1) + 3 * sides[1].var(ddof=1)) / 9
    common = RunVariance(pooled, MANY, shared=pooled, shared_freedom=9)
    found = effect(*sides, runs=(common, common))
    assert found.p == pytest.approx(ttest_ind(sides[1][:, 0], sides[0][:, 0]).pvalue) and found.freedom == pytest.approx(9)


def test_the_run_variance_of_a_combination_of_choices_counts_the_error_of_the_level_once() -> None:
    common = RunVariance(2.0, MANY, shared=2.0, shared_freedom=12)
    (variance, freedom, _), parts = run_estimate([(0.25 / 3, common)] * 4), [(0.25 / 3, RunVariance(2.0, 12))] * 4
    assert variance == pytest.approx(4 * 0.25 / 3 * 2) == run_estimate(parts).variance
    assert freedom == pytest.approx(12) and run_estimate(parts).freedom == pytest.approx(48)
    assert run_estimate([(1.0, RunVariance(0.0, MANY)), (1.0, common)]).freedom == pytest.approx(12)
    assert run_estimate([(1.0, RunVariance(0.0, MANY))]) == (0.0, MANY, MANY)
    several = total_variance([run_estimate(parts)] * 3, 0.0)
    assert several[1] == pytest.approx(36) and total_variance([run_estimate(parts)], 5.0)[1] == 12


CELLS, SEEDS, LANGUAGES, SIZE = 12, 4, 3, 40
Grid = list[tuple[np.ndarray, np.ndarray, float, tuple[RunVariance, RunVariance]]]


def grid(rng: np.random.Generator, planted: dict[int, float]) -> Grid:
    """Arguments of `effect` for each cell: the choices of one target, which share the baseline and the test items.

    An item has a difficulty that all models share and one for each choice; a seed makes a model better or worse.
    """
    effects_C = np.array([0.0, *(planted.get(cell, 0.0) for cell in range(CELLS))])
    items_CI = rng.normal(0, 10, SIZE) + rng.normal(0, 6, (CELLS + 1, SIZE)) * (np.arange(CELLS + 1) > 0)[:, None]
    scores_CSLI = 50 + effects_C[:, None, None, None] + items_CI[:, None, None, :]
    scores_CSLI = scores_CSLI + rng.normal(0, 1.5, (CELLS + 1, SEEDS, 1, 1))
    scores_CSLI = scores_CSLI + rng.normal(0, 8, (CELLS + 1, SEEDS, LANGUAGES, SIZE))
    means_CSL = scores_CSLI.mean(axis=3)
    (runs,) = run_variances([TargetRuns(named(means_CSL.mean(axis=2)))])
    assert runs is not None
    by_item_CI = scores_CSLI.mean(axis=(1, 2))
    variances = (by_item_CI[1:] - by_item_CI[0]).var(axis=1, ddof=1) / SIZE
    return [
        (means_CSL[0], means_CSL[1 + cell], float(variances[cell]), (runs.of("choice0"), runs.of(f"choice{1 + cell}")))
        for cell in range(CELLS)
    ]


def significant(cells: Grid) -> set[int]:
    return {number for number, p in enumerate(holm([effect(*cell).p for cell in cells])) if p <= 0.05}


@pytest.mark.slow
def test_on_grids_without_effect_the_corrected_test_finds_one_no_more_often_than_its_level() -> None:
    rng, grids = np.random.default_rng(2), 1000
    false_finds = sum(bool(significant(grid(rng, {}))) for _ in range(grids))
    # Two standard errors of a share of 5 % in 1,000 grids above the level.
    assert false_finds / grids <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / grids), false_finds


def test_planted_effects_are_found_and_they_alone() -> None:
    rng, planted = np.random.default_rng(3), {2: 12.0, 7: -12.0}
    found = [significant(grid(rng, planted)) for _ in range(200)]
    assert sum(set(planted) <= one for one in found) >= 190
    assert sum(bool(one - set(planted)) for one in found) <= 16


def test_intervals_hold_the_true_difference_at_their_level() -> None:
    rng = np.random.default_rng(4)
    found = [effect(*cell) for _ in range(200) for cell in grid(rng, dict.fromkeys(range(CELLS), 3.0))]
    inside = sum(one.low <= 3.0 <= one.high for one in found) / len(found)
    assert 0.94 <= inside <= 0.985, inside  # the sum of both variances errs on the wide side


def test_a_grid_of_single_runs_without_effect_has_nothing_significant() -> None:
    rng = np.random.default_rng(8)
    cells = [effect(*rng.normal(60, 2, (2, 1, 5)), item_variance=0.1) for _ in range(90)]
    assert all(math.isnan(p) for p in holm([one.p for one in cells])) and {one.covers for one in cells} == {ITEMS}


def test_only_what_is_certain_has_a_colour() -> None:
    assert certain_part(0.5, 3.0, RUNS_AND_ITEMS) == 0.5
    assert certain_part(-3.0, -0.5, RUNS) == -0.5
    assert certain_part(-0.1, 3.0, RUNS_AND_ITEMS) == 0.0
    assert certain_part(0.5, 3.0, ITEMS) == 0.0, "one run says nothing about another"
    assert certain_part(math.nan, math.nan, NOTHING) == 0.0
