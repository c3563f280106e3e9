"""Differences of mean scores, their intervals and p-values.

A difference between two choices also depends on chance: on the run (the seed of a training) and on the items in the test set. The
interval covers both. The languages are those that the claim is about: they are averaged, and their standard deviation is
reported beside the difference.

One run shows nothing about the variance between runs, so a difference of single runs has no p-value.

The variance between runs is that of `run_variances`: a few seeds estimate it badly, so the whole grid is used.

Shapes: S seeds, L languages.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xstilts.reporting.run_variances import MANY, RunVariance, Scores

LEVEL = 0.95
SIGNIFICANT = 0.05
"""The largest corrected p-value of a difference that is shown in bold."""
RUNS_AND_ITEMS, RUNS, ITEMS, NOTHING = "runs and test items", "runs", "test items only", ""
"""The sources of chance that an interval covers; NOTHING if there is no interval."""


class Estimate(NamedTuple):
    """An estimate of a mean difference's variance between runs, or of an independent part of it."""

    variance: float
    freedom: float
    """Degrees of freedom (Satterthwaite 1946)."""
    least: float
    """Degrees of freedom of the worst estimated choice."""


@dataclass(frozen=True)
class Estimated:
    """A value, in the unit of the scores, with its interval and its test."""

    value: float
    error: float
    """Standard error; NaN if it covers NOTHING."""
    freedom: float
    """Degrees of freedom of the t distribution; MANY if it covers ITEMS only."""
    covers: str
    """RUNS_AND_ITEMS, RUNS, ITEMS or NOTHING."""
    tested: bool
    """False for single runs, which are not tested."""

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval; NaN if it covers NOTHING."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    @property
    def p(self) -> float:
        """Two-sided, of the value 0, not corrected for the number of comparisons; NaN if it is not tested."""
        return float(interval_and_p(*self._arrays)[2]) if self.tested else math.nan

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the ends of the interval that covers the true value with probability `level`."""
        low, high, _ = interval_and_p(*self._arrays, level)
        return float(low), float(high)

    @property
    def _arrays(self) -> tuple[Scores, Scores, Scores]:
        return np.array(self.value), np.array(self.error**2), np.array(self.freedom)


@dataclass(frozen=True)
class Effect(Estimated):
    """A difference of means."""

    seed_sd: float
    """Standard deviation of the difference between seeds (as many as both sides have), common to all languages; NaN with one."""
    language_sd: float
    """Between languages, common to all seeds; NaN with one language."""
    rest_sd: float
    """Standard deviation of the rest: interaction of seeds and languages, and items. NaN with one seed or one language."""
    item_sd: float
    """Standard error of the mean difference over the choice of test items; NaN if it is not known."""


def effect(
    baseline_SL: Scores,
    treated_SL: Scores,
    item_variance: float | None = None,
    runs: tuple[RunVariance, RunVariance] | None = None,
) -> Effect:
    """Estimate the mean of treated minus baseline, both in percent; a row is one seed.

    `item_variance` is the variance of the mean difference over the choice of test items (its squared standard error), None if
    items cannot be resampled. `runs` are the run variances of both sides, which may have any number of seeds. Without them, both
    sides have the same seeds, whose differences are used. The sum of the variances of runs and items counts the interaction of
    seeds and items twice, which makes the interval slightly wide.
    """
    counts = len(baseline_SL), len(treated_SL)
    value = float(np.mean(treated_SL) - np.mean(baseline_SL))
    difference_SL = np.asarray(treated_SL)[: min(counts)] - np.asarray(baseline_SL)[: min(counts)]
    estimate = None
    if runs:
        estimate = run_estimate([(1 / count, side) for count, side in zip(counts, runs, strict=True)])
    elif min(counts) > 1:
        freedom = counts[0] - 1
        estimate = Estimate(float(difference_SL.mean(axis=1).var(ddof=1)) / counts[0], freedom, freedom)
    found = estimated(value, estimate, item_variance, min(counts) > 1)
    item_sd = math.nan if item_variance is None else math.sqrt(item_variance)
    seed_sd, language_sd, rest_sd = variance_parts(difference_SL)
    return Effect(**vars(found), seed_sd=seed_sd, language_sd=language_sd, rest_sd=rest_sd, item_sd=item_sd)


def estimated(value: float, runs: Estimate | None, item_variance: float | None, tested: bool) -> Estimated:
    """Judge a linear combination of scores by its variances between runs and over test items, None if they are not known.

    `tested`: whether every side has several runs.
    """
    total, freedom = total_variance([runs] if runs else [], item_variance or 0.0)
    covers = {(True, True): RUNS_AND_ITEMS, (True, False): RUNS, (False, True): ITEMS, (False, False): NOTHING}[
        runs is not None, item_variance is not None
    ]
    return Estimated(value, math.nan if covers == NOTHING else math.sqrt(total), freedom, covers, tested and covers != NOTHING)


def interval_and_p(value: Scores, variance: Scores, freedom: Scores, level: float = LEVEL) -> tuple[Scores, Scores, Scores]:
    """Return the ends of the interval that covers with probability `level`, and the two-sided p-value of no difference.

    They are those of a t distribution. The arrays have one shape. Without variance the interval is the value, and p is 0 for any
    other value than 0.
    """
    from scipy.special import stdtr, stdtrit

    error = np.sqrt(variance)
    reach = error * stdtrit(freedom, (1 + level) / 2)
    distance = np.divide(np.abs(value), error, out=np.where(value == 0.0, 0.0, np.inf), where=error > 0.0)
    return value - reach, value + reach, 2 * stdtr(freedom, -distance)


def run_estimate(parts: Sequence[tuple[float, RunVariance]]) -> Estimate:
    """Estimate the variance between runs of a linear combination of the mean scores of choices of one target.

    `parts`: for each choice its squared weight divided by its number of runs, and its run variance. The error of the target's
    level is common to all parts, the other errors are independent (Satterthwaite 1946).
    """
    total = sum(share * side.variance for share, side in parts)
    if total == 0.0:
        return Estimate(0.0, MANY, MANY)
    scatter = sum((share * side.variance) ** 2 / side.freedom for share, side in parts)
    scatter += sum(share * side.shared for share, side in parts) ** 2 / min(side.shared_freedom for _, side in parts)
    return Estimate(total, total**2 / scatter, min(side.freedom for share, side in parts if share * side.variance))


def total_variance(estimates: Sequence[Estimate], item_variance: float) -> tuple[float, float]:
    """Return the variance of a mean difference over runs and items, and its degrees of freedom.

    `estimates` are independent, for instance those of several targets. Degrees of freedom after Satterthwaite (1946), with
    infinitely many for items. His approximation is too narrow far from the centre if a side has few degrees of freedom, so there
    are at most as many as the worst estimated choice has (of several estimates, as those of the choices together).
    """
    of_runs = sum(one.variance for one in estimates)
    if of_runs == 0.0:
        return item_variance, MANY
    total = of_runs + item_variance
    freedom = total**2 / sum(one.variance**2 / one.freedom for one in estimates)
    least = of_runs**2 / sum(one.variance**2 / one.least for one in estimates)
    return total, min(freedom, least, MANY)


def certain_part(low: float, high: float, covers: str) -> float:
    """Return the end of an interval that is nearest to 0; 0 if the interval includes 0 or does not cover runs.

    Colours show this instead of the difference, so that differences which may be chance have none.
    """
    if covers not in (RUNS_AND_ITEMS, RUNS) or low <= 0.0 <= high:
        return 0.0
    return min(low, high, key=abs)


def variance_parts(values_SL: Scores) -> tuple[float, float, float]:
    """Split the variance of a two-way table without repetition: standard deviations of seed, language and the rest.

    A negative estimate becomes 0. NaN for a part that needs several seeds or several languages.
    """
    seeds, languages = values_SL.shape
    if seeds == 1 or languages == 1:
        alone = float(values_SL.std(ddof=1)) if values_SL.size > 1 else math.nan
        return (math.nan, alone, math.nan) if seeds == 1 else (alone, math.nan, math.nan)
    mean, of_seed_S, of_language_L = values_SL.mean(), values_SL.mean(axis=1), values_SL.mean(axis=0)
    rest_SL = values_SL - of_seed_S[:, None] - of_language_L[None, :] + mean
    rest = float((rest_SL**2).sum()) / ((seeds - 1) * (languages - 1))
    seed = (languages * float(of_seed_S.var(ddof=1)) - rest) / languages
    language = (seeds * float(of_language_L.var(ddof=1)) - rest) / seeds
    return math.sqrt(max(seed, 0.0)), math.sqrt(max(language, 0.0)), math.sqrt(rest)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979), which bounds the probability of any false rejection; NaN stays NaN.

    The same as statsmodels' `multipletests(method="holm")`, which runs the garbage collector at every call and so takes a second
    where torch is loaded.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]  # NaN is sorted last
    corrected = np.full(len(p), math.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return [float(value) for value in corrected]
