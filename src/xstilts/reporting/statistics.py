"""How large a difference is, and whether it is noise.

A difference between two choices has causes that have nothing to do with them: the seed of a training, the items that happen to
be in a test set, and the languages. Seeds and items are drawn from many, and both enter the interval. The languages are the ones
that the claim is about: they are averaged, and how much they differ is told beside it.

A handful of seeds says little about how much seeds matter. All choices of a grid that are tested on one target are trained alike,
so how far their seeds scatter is estimated from all of them together, as analysis of variance does (Scheffé 1959, chapter 4).

Shapes: C choices, S seeds, L languages.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
SIGNIFICANT = 0.05
"""The largest corrected p-value of a difference that is shown in bold."""
MANY = 1e9
"""Degrees of freedom, beyond which a t distribution is the normal one."""


@dataclass(frozen=True)
class Effect:
    """A difference of means, in the unit of the scores."""

    value: float
    low: float
    """The ends of the 95 % interval; NaN where there is neither a second seed nor a test item to judge by."""
    high: float
    p: float
    """Two-sided, of no difference; not corrected for the number of comparisons. NaN as above."""
    freedom: float
    """Degrees of freedom of the t distribution; MANY where items alone are judged by."""
    seed_sd: float
    """Of the difference, from seed to seed, in all languages alike; NaN with one seed."""
    language_sd: float
    """From language to language, in all seeds alike; NaN with one language."""
    rest_sd: float
    """What is left: seeds that favour languages, and items. NaN with one seed or one language."""
    item_sd: float
    """Of the mean difference, by the test items drawn; NaN where unknown."""


@dataclass(frozen=True)
class Scatter:
    """What the difference of two choices scatters from seed to seed, by all choices of a target."""

    variance: float
    freedom: int
    """Degrees of freedom."""


def scatter(scores_CS: NDArray[np.float64]) -> Scatter | None:
    """From the scores (percent) of at least two choices with the same seeds; None with one seed.

    What a seed does to all choices alike, for instance where each is another world, is taken out first.
    """
    choices, seeds = scores_CS.shape
    if seeds == 1 or choices == 1:
        return None
    rest_CS = scores_CS - scores_CS.mean(axis=1, keepdims=True) - scores_CS.mean(axis=0) + scores_CS.mean()
    freedom = (choices - 1) * (seeds - 1)
    return Scatter(2 * float((rest_CS**2).sum()) / freedom, freedom)


def effect(
    baseline_SL: NDArray[np.float64],
    treated_SL: NDArray[np.float64],
    item_variance: float | None = None,
    of_seeds: Scatter | None = None,
) -> Effect:
    """The mean of treated minus baseline, both in percent; a row is one seed on both sides.

    `item_variance` is that of the mean difference over the choice of test items (the square of its standard error), None where
    items cannot be resampled. `of_seeds` is what `scatter` says of all choices, by default of these two; a difference that
    scatters more than that is judged by its own variance. The sum of both variances counts what is peculiar to one seed and one
    item twice, which errs on the wide side. Degrees of freedom after Satterthwaite (1946), items counting as many.
    """
    from scipy.special import stdtr, stdtrit

    difference_SL = np.asarray(treated_SL, dtype=np.float64) - np.asarray(baseline_SL, dtype=np.float64)
    by_seed_S = difference_SL.mean(axis=1)
    value, seeds = float(by_seed_S.mean()), len(by_seed_S)
    seed_variance, freedom = 0.0, math.inf
    if seeds > 1:
        pooled = of_seeds or Scatter(0.0, seeds - 1)
        seed_variance = max(float(by_seed_S.var(ddof=1)), pooled.variance) / seeds
        freedom = pooled.freedom
    total = seed_variance + (item_variance or 0.0)
    if seed_variance:
        freedom *= (total / seed_variance) ** 2
    if seeds == 1 and item_variance is None:
        low = high = p = math.nan
    elif total == 0.0:
        low, high, p = value, value, float(value == 0.0)
    else:
        error, freedom = math.sqrt(total), min(freedom, MANY)
        reach = error * float(stdtrit(freedom, (1 + LEVEL) / 2))
        low, high, p = value - reach, value + reach, 2 * float(stdtr(freedom, -abs(value) / error))
    parts = variance_parts(difference_SL)
    return Effect(value, low, high, p, freedom, *parts, math.nan if item_variance is None else math.sqrt(item_variance))


def variance_parts(values_SL: NDArray[np.float64]) -> tuple[float, float, float]:
    """Standard deviations of seed, language, and the rest, from the mean squares of a two-way table without repetition.

    A part that comes out below 0 is 0. NaN for what one seed or one language cannot tell.
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
    """The p-values corrected for their number (Holm 1979), which keeps the chance of any false find at its level; NaN stays.

    As statsmodels' `multipletests(method="holm")`, which collects garbage at every call, a second where torch is loaded.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]  # NaN is sorted last
    corrected = np.full(len(p), math.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return [float(value) for value in corrected]
