"""Differences of mean scores, their intervals and p-values.

A difference between two choices also depends on chance: on the run (the seed of a training) and on the items in the test set. The
interval covers both. The languages are those that the claim is about: they are averaged, and their standard deviation is
reported beside the difference.

One run shows nothing about the variance between runs, so a difference of single runs has no p-value.

A few seeds estimate that variance badly. All choices that are tested on one target are trained alike, so their variance between
runs is estimated together, as in an analysis of variance (Scheffé 1959, chapter 4). A choice that varies significantly more than
the others is an exception: it is judged by its own runs, and the others without it.

Shapes: C choices, S seeds, L languages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
LEVEL = 0.95
SIGNIFICANT = 0.05
"""The largest corrected p-value of a difference that is shown in bold."""
OUTLYING = 0.01
"""Level of the test by which a choice varies more between runs than the others, corrected for the number of choices."""
MANY = 1e9
"""Degrees of freedom at which a t distribution counts as normal."""
RUNS_AND_ITEMS, RUNS, ITEMS, NOTHING = "runs and test items", "runs", "test items only", ""
"""The sources of chance that an interval covers; NOTHING if there is no interval."""

Estimate = tuple[float, float]
"""An independent estimate of a part of a mean difference's variance between runs, and its degrees of freedom."""


@dataclass(frozen=True)
class Effect:
    """A difference of means, in the unit of the scores."""

    value: float
    low: float
    """Ends of the 95 % interval; NaN if it covers NOTHING."""
    high: float
    covers: str
    """RUNS_AND_ITEMS, RUNS, ITEMS or NOTHING."""
    p: float
    """Two-sided, of no difference, not corrected for the number of comparisons; NaN if a side has one seed."""
    freedom: float
    """Degrees of freedom of the t distribution; MANY if the interval covers ITEMS only."""
    seed_sd: float
    """Standard deviation of the difference between seeds (as many as both sides have), common to all languages; NaN with one."""
    language_sd: float
    """Between languages, common to all seeds; NaN with one language."""
    rest_sd: float
    """Standard deviation of the rest: interaction of seeds and languages, and items. NaN with one seed or one language."""
    item_sd: float
    """Standard error of the mean difference over the choice of test items; NaN if it is not known."""


@dataclass(frozen=True)
class RunVariance:
    """Variance of a choice's score between runs, in squared percentage points."""

    variance: float
    freedom: int
    """Degrees of freedom of the estimate."""
    pooled: bool = True
    """True if the estimate is common to several choices; False for a choice that varies more than the others."""


@dataclass(frozen=True)
class RunVariances:
    """Run variances of the choices of a target."""

    common: RunVariance
    by_choice: Mapping[str, RunVariance]
    """For choices with several seeds: at least the common variance; that of an outlying choice is its own."""

    def of(self, choice: str) -> RunVariance:
        """Return the variance of a choice; the common one for a choice with one seed."""
        return self.by_choice.get(choice, self.common)


def run_variances(scores_S: Mapping[str, Scores], paired: bool) -> RunVariances | None:
    """Estimate the variance between runs from the scores (percent) of several choices.

    `paired`: all choices have the same seeds, and a seed has an effect that they share, for instance because every seed is
    another synthetic world; it is removed. Otherwise each choice has its own number of seeds. None without a choice that has
    several seeds, and for a single paired choice.

    A choice that varies significantly more than all others together, for instance because one of its runs collapsed, has a
    variance of its own and does not enlarge that of the others.
    """
    from scipy.special import fdtrc

    centred = {choice: own_S - own_S.mean() for choice, own_S in scores_S.items() if len(own_S) > 1}
    if len(centred) <= paired:
        return None

    def apart(choice: str) -> tuple[RunVariance, list[Scores]]:
        others = [own_S for name, own_S in centred.items() if name != choice]
        return _own_variance(centred[choice], others, paired), others

    outlying: dict[str, RunVariance] = {}
    while len(centred) > 2:
        p_values = {}
        for choice in centred:
            own, others = apart(choice)
            rest = _pooled_variance(others, paired)
            p_values[choice] = fdtrc(own.freedom, rest.freedom, own.variance / rest.variance) if rest.variance else 1.0
        choice = min(p_values, key=lambda name: p_values[name])
        if p_values[choice] * len(centred) >= OUTLYING:
            break
        outlying[choice] = apart(choice)[0]
        del centred[choice]
    common = _pooled_variance(list(centred.values()), paired)
    inside = {choice: replace(common, variance=max(common.variance, apart(choice)[0].variance)) for choice in centred}
    return RunVariances(common, inside | outlying)


def _pooled_variance(centred: Sequence[Scores], paired: bool) -> RunVariance:
    """Pool the variances of choices whose scores are centred."""
    seed_S = np.mean(centred, axis=0) if paired else 0.0
    freedom = sum(len(own_S) - 1 for own_S in centred)
    if paired:
        freedom -= len(centred[0]) - 1
    return RunVariance(sum(float(((own_S - seed_S) ** 2).sum()) for own_S in centred) / freedom, freedom)


def _own_variance(own_S: Scores, others: Sequence[Scores], paired: bool) -> RunVariance:
    """Estimate the variance of one choice around the mean of the others in each seed, if paired, else around its own mean."""
    rest_S, inflated = (own_S - np.mean(others, axis=0), 1 + 1 / len(others)) if paired else (own_S, 1.0)
    freedom = len(own_S) - 1
    return RunVariance(float((rest_S**2).sum()) / (freedom * inflated), freedom, pooled=False)


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
    seeds and items twice, which makes the interval slightly wide. Degrees of freedom after Welch (1947) and Satterthwaite (1946),
    with infinitely many for items.
    """
    from scipy.special import stdtr, stdtrit

    counts = len(baseline_SL), len(treated_SL)
    value = float(np.mean(treated_SL) - np.mean(baseline_SL))
    difference_SL = np.asarray(treated_SL)[: min(counts)] - np.asarray(baseline_SL)[: min(counts)]
    estimates: list[Estimate] = []
    if runs:
        estimates = run_estimates(runs, counts)
    elif min(counts) > 1:
        estimates = [(float(difference_SL.mean(axis=1).var(ddof=1)) / counts[0], counts[0] - 1)]
    total, freedom = total_variance(estimates, item_variance or 0.0)
    covers = {(True, True): RUNS_AND_ITEMS, (True, False): RUNS, (False, True): ITEMS, (False, False): NOTHING}[
        bool(estimates), item_variance is not None
    ]
    p = math.nan
    if covers == NOTHING:
        low = high = math.nan
    elif total == 0.0:
        low = high = value
        p = float(value == 0.0)
    else:
        error = math.sqrt(total)
        reach = error * float(stdtrit(freedom, (1 + LEVEL) / 2))
        low, high, p = value - reach, value + reach, 2 * float(stdtr(freedom, -abs(value) / error))
    parts = variance_parts(difference_SL)
    item_sd = math.nan if item_variance is None else math.sqrt(item_variance)
    return Effect(value, low, high, covers, p if min(counts) > 1 else math.nan, freedom, *parts, item_sd)


def run_estimates(runs: tuple[RunVariance, RunVariance], counts: tuple[int, int]) -> list[Estimate]:
    """Estimate the variance between runs of a difference of means over `counts` runs: one estimate per side, or a common one."""
    estimates: list[Estimate] = [(side.variance / count, side.freedom) for side, count in zip(runs, counts, strict=True)]
    if runs[0].pooled and runs[1].pooled:
        return [(sum(variance for variance, _ in estimates), runs[0].freedom)]
    return estimates


def total_variance(estimates: Sequence[Estimate], item_variance: float) -> tuple[float, float]:
    """Return the variance of a mean difference over runs and items, and its degrees of freedom (Satterthwaite 1946)."""
    total = sum(variance for variance, _ in estimates) + item_variance
    scatter = sum(variance**2 / freedom for variance, freedom in estimates)
    return total, min(total**2 / scatter, MANY) if scatter else MANY


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
