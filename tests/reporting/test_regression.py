"""Regressions over languages: what is known of them by simulation, with generators that know nothing of the product."""

from functools import partial

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import linregress

from xstilts.reporting.groups import families
from xstilts.reporting.regression import Regression, regress

Array = NDArray[np.float64]
DISTANCES = np.array([0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9])
XNLI = "ar bg de el es fr hi ru sw th tr ur vi zh".split()
UDPOS = "af ar bg de el es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh".split()


def simulated(rng: np.random.Generator, slope: float, language_sd: float, runs: int = 3) -> Array:
    """Eight languages; every run has another level, every score noise of 1."""
    of_language = slope * DISTANCES + language_sd * rng.normal(size=8)
    return np.asarray(50 + 3 * np.arange(runs)[:, None] + of_language + rng.normal(size=(runs, 8)))


def line_of(values: object, predictor: object = DISTANCES) -> Regression:
    found = regress(np.asarray(values), np.asarray(predictor))
    assert found is not None
    return found


def nested(rng: np.random.Generator, codes: list[str], family_sd: float, slope: float = 0.0) -> Regression:
    """Two runs of real languages, near or far with their family; noise of 1 for a language, 0.5 for a score."""
    own = families(codes)
    level = {name: (rng.uniform(), family_sd * rng.normal()) for name in sorted(set(own))}
    distances = np.array([0.5 * level[name][0] + 0.5 * rng.uniform() for name in own])
    of_language = slope * distances + np.array([level[name][1] for name in own]) + rng.normal(size=len(codes))
    found = regress(of_language + rng.normal(size=(2, 1)) + 0.5 * rng.normal(size=(2, len(codes))), distances, own)
    assert found is not None
    return found


@pytest.mark.parametrize("codes", [XNLI, UDPOS], ids=["14 languages", "32 languages"])
@pytest.mark.parametrize("family_sd", [0.0, 2.0, 4.0])
def test_families_are_not_taken_for_a_slope(codes: list[str], family_sd: float) -> None:
    """At most 7 % false positives in 400 studies; a model without families has 9 to 23 % at an SD of 2 or 4."""
    rng = np.random.default_rng(4)
    found = [nested(rng, codes, family_sd) for _ in range(400)]
    assert np.mean([line.p <= 0.05 for line in found]) <= 0.07
    assert all((line.low > 0 or line.high < 0) == (line.p < 0.05) for line in found), "interval and p-value agree"


def test_a_slope_is_found_where_families_are_many() -> None:
    rng = np.random.default_rng(5)
    found = [nested(rng, UDPOS, 2.0, slope=8.0) for _ in range(100)]
    assert np.mean([line.p <= 0.05 for line in found]) > 0.9
    assert 0.88 <= np.mean([line.low <= 8.0 <= line.high for line in found]) <= 0.99
    assert np.median([line.family_sd for line in found]) == pytest.approx(2.0, abs=0.5)


def test_families_change_nothing_where_each_language_is_one_or_all_are_the_same() -> None:
    values, rng = simulated(np.random.default_rng(6), -12.0, 4.0), np.random.default_rng(7)
    plain, of = line_of(values), partial(regress, values, DISTANCES)
    for names in (list("abcdefgh"), ["a"] * 8):
        found = of(names)
        assert found is not None and found.families == 0 and np.isnan(found.family_sd)
        assert (found.slope, found.low, found.p, *found.band(0.3)) == pytest.approx(
            (plain.slope, plain.low, plain.p, *plain.band(0.3))
        )
    assert nested(rng, XNLI, 4.0).families == 7, "Indo-European is one"


@pytest.mark.slow
@pytest.mark.parametrize(("language_sd", "runs"), [(0.0, 3), (4.0, 3), (4.0, 1)])
def test_intervals_hold_the_truth_as_often_as_they_say(language_sd: float, runs: int) -> None:
    """95 %, over 150 studies. MixedLM's own intervals, of a normal distribution, hold it in nine of ten."""
    rng, held = np.random.default_rng(0), []
    for _ in range(150):
        line = line_of(simulated(rng, -12.0, language_sd, runs))
        held.append(line.low <= -12.0 <= line.high)
    assert 0.90 <= np.mean(held) <= 0.995


@pytest.mark.parametrize("runs", [1, 3])
def test_with_every_language_in_every_run_it_is_the_regression_of_the_languages_means(runs: int) -> None:
    values = simulated(np.random.default_rng(1), -12.0, 4.0, runs)
    line, means = line_of(values), values.mean(axis=0)
    expected = linregress(DISTANCES, means)
    assert (line.units, line.observations, line.slope_freedom) == (8, 8 * runs, pytest.approx(6))
    assert (line.slope, line.p) == pytest.approx((expected.slope, expected.pvalue))
    assert line.middle == pytest.approx((DISTANCES.mean(), means.mean()))
    assert line.high - line.slope == pytest.approx(line.slope - line.low)
    fitted = sm.OLS(means, sm.add_constant(DISTANCES)).fit()
    x = np.array([0.0, 0.45, 1.0])
    band = fitted.get_prediction(sm.add_constant(x)).conf_int()
    assert line.band(x)[0] == pytest.approx(band[:, 0], rel=1e-5) and line.band(x)[1] == pytest.approx(band[:, 1], rel=1e-5)
    assert line.at(x) == pytest.approx(band.mean(axis=1))
    assert np.isnan(line.unit_sd) if runs == 1 else line.unit_sd > 2 > line.rest_sd


@pytest.mark.parametrize("runs", [1, 3])
def test_scores_that_are_alike_have_no_slope(runs: int) -> None:
    """Rounding must not make one that is significant."""
    line = line_of(np.full((runs, 8), 100 / 3))
    assert (line.slope, line.low, line.high, line.p) == (0.0, 0.0, 0.0, 1.0)
    of_families = regress(np.full((runs, 8), 100 / 3), DISTANCES, list("aabbccde"))
    assert of_families is not None and (of_families.slope, of_families.p) == (0.0, 1.0)


def test_runs_without_some_languages_count_too() -> None:
    values = simulated(np.random.default_rng(3), -12.0, 1.0, runs=4)
    values[1:, 7] = np.nan
    line = line_of(values)
    assert line.observations == 29 and line.low < -12.0 < line.high
    values[0, 7] = np.nan
    assert line_of(values) == line_of(values[:, :7], DISTANCES[:7]), "a language without a score, or without a distance"
    assert line_of(values) == line_of(np.nan_to_num(values), [*DISTANCES[:7], np.nan])


def test_what_a_run_lacks_is_adjusted_for_by_least_squares() -> None:
    rng = np.random.default_rng(8)
    values = 50 + 9 * rng.normal(size=(5, 1)) + 4 * rng.normal(size=8) + rng.normal(size=(5, 8))
    values[rng.uniform(size=values.shape) < 0.3] = np.nan
    run, unit = np.nonzero(~np.isnan(values))
    fitted = sm.OLS(values[run, unit], np.hstack([np.eye(5)[run], np.eye(8)[unit][:, 1:]])).fit()
    expected = np.array([0.0, *fitted.params[5:]])
    line = line_of(values)
    means = np.array([mean for _, mean in line.points])
    assert means - means[0] == pytest.approx(expected) and line.rest_sd**2 == pytest.approx(fitted.scale)
    assert line.slope == pytest.approx(linregress(DISTANCES, expected).slope)


def test_an_exact_line_has_no_interval_and_too_few_languages_no_line() -> None:
    line = line_of(10.0 - 20.0 * np.tile(DISTANCES, (3, 1)))
    assert (line.slope, line.low, line.high, line.p) == pytest.approx((-20.0, -20.0, -20.0, 0.0))
    values = simulated(np.random.default_rng(4), 0.0, 0.0)
    assert regress(values[:, :3], DISTANCES[:3]) is None
    assert regress(values, np.full(8, 0.5)) is None
