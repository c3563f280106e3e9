"""Variance between runs of every cell of a grid (target x choice), each of which has few runs.

Two or three seeds of one cell estimate its variance badly, so each estimate is combined with what the other cells show, by
empirical Bayes (Smyth 2004). The variance of a cell is a product of three parts:

    level     of the target: common to all its choices
    factor    of the choice: common to all targets; 1 if the choices vary alike, and with a single target
    rest      of the cell: scaled inverse chi-square

The whole grid tells how unequal factors and rests are, as prior degrees of freedom: many if all cells vary alike, so that a
cell's variance is the level of its target; few if they do not, so that it is mostly the cell's own, with a wider interval. A
factor that is improbably large for its prior is taken as it is (after Phipson et al. 2016).

Collapsed runs are set aside before anything is estimated. A choice that has one is judged by the variance of all its own runs.

Shapes: S runs of a choice, N cells, R rows of cells with a common level, K candidates of the prior degrees of freedom, U levels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
MANY = 1e9
"""Degrees of freedom at which a t distribution counts as normal."""
_PRIORS_K = np.array([0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 1e6])
"""Candidates of the prior degrees of freedom, equally probable before the data."""
_CAUTION = 0.7
"""Probability that the prior has at least as many degrees of freedom as are used. With the inverse of the posterior mean of the
inverse, up to 7 % of simulated grids of two seeds whose cells vary by a factor of ten had false finds."""
_LOG_LEVELS_U = np.linspace(-6, 3, 37)
"""Logarithms of the level of a row, relative to the mean of its variances."""


@dataclass(frozen=True)
class RunVariance:
    """Variance of a choice's score between runs, in squared percentage points."""

    variance: float
    freedom: float
    """Degrees of freedom of the estimate, apart from the error of the target's level."""
    shared: float = 0.0
    """The part of `variance` that rests on the target's level, whose error is common to all choices of the target."""
    shared_freedom: float = MANY
    """Degrees of freedom of the target's level."""


@dataclass(frozen=True)
class RunVariances:
    """Run variances of the choices of a target."""

    common: RunVariance
    """The level of the target: the variance of a choice of which nothing is known."""
    by_choice: Mapping[str, RunVariance]
    """For choices with several runs, without those that collapsed."""
    collapsed: Mapping[str, RunVariance] = field(default_factory=dict)
    """For choices with a collapsed run, from all runs."""

    def of(self, choice: str) -> RunVariance:
        """Return the variance of a choice over all its runs; the common one for a choice with one run."""
        return self.collapsed.get(choice) or self.without_collapsed(choice)

    def without_collapsed(self, choice: str) -> RunVariance:
        """Return the variance of a choice over the runs that did not collapse."""
        return self.by_choice.get(choice, self.common)


@dataclass(frozen=True)
class TargetRuns:
    """Runs of the choices of a target, as mean scores over languages."""

    scores_S: Mapping[str, Scores]
    """Choice -> a score per run, in percent."""
    paired: bool = False
    """All choices have the same seeds, and a seed has an effect that they share, for instance because every seed is another
    synthetic world; it is removed. Otherwise each choice has its own number of runs."""
    collapsed_S: Mapping[str, Flags] = field(default_factory=dict)
    """Choice -> True for runs that collapsed; choices without any may be missing."""


class _Cell(NamedTuple):
    variance: float
    """Unbiased estimate from the runs of the cell alone."""
    freedom: float


class _Fit(NamedTuple):
    prior: float
    """Degrees of freedom by which variances of one row differ beyond chance."""
    level_R: Scores
    freedom_R: Scores
    """Degrees of freedom of the estimated levels."""


def run_variances(targets: Sequence[TargetRuns]) -> list[RunVariances | None]:
    """Estimate the variances between runs of a grid; a choice has the same name in all targets.

    None for a target without a choice that has several runs, and for one with paired seeds and a single such choice.
    """
    cells = [_cells(one) for one in targets]
    varying = [place for place, own in enumerate(cells) if any(cell.variance for cell in own.values())]
    names = [(place, choice) for place in varying for choice in cells[place]]
    row_N = np.array([varying.index(place) for place, _ in names], dtype=np.intp)
    variance_N, freedom_N = np.array([cells[place][choice] for place, choice in names]).reshape(-1, 2).T
    factors: dict[str, tuple[float, float]] = {}
    fit = _Fit(MANY, np.zeros(0), np.zeros(0))
    if varying:
        fit = _fit(variance_N, freedom_N, row_N)
        if len(varying) > 1:
            choices = list(dict.fromkeys(choice for _, choice in names))
            column_N = np.array([choices.index(choice) for _, choice in names])
            for _ in range(2):
                factor_C, own_C = _factors(variance_N / fit.level_R[row_N], freedom_N, column_N)
                fit = _fit(variance_N / factor_C[column_N], freedom_N, row_N)
            factors = dict(zip(choices, zip(factor_C.tolist(), own_C.tolist(), strict=True), strict=True))
    found: list[RunVariances | None] = []
    for place, (one, own) in enumerate(zip(targets, cells, strict=True)):
        if not own:
            found.append(None)
            continue
        level, freedom = 0.0, sum(cell.freedom for cell in own.values())
        if place in varying:
            level, freedom = (float(values_R[varying.index(place)]) for values_R in (fit.level_R, fit.freedom_R))
        unknown = _Cell(0.0, 0.0)
        moderated = {
            choice: _moderated(own.get(choice, unknown), fit.prior, level, freedom, *factors.get(choice, (1.0, math.inf)))
            for choice in one.scores_S
        }
        common = _moderated(unknown, fit.prior, level, freedom, 1.0, math.inf)
        found.append(RunVariances(common, moderated, _all_runs(one, own, moderated)))
    return found


def _cells(one: TargetRuns) -> dict[str, _Cell]:
    """Return the variances of the choices with several runs, without collapsed ones if any others are left."""
    kept = {choice: own_S[~_collapsed_S(one, choice)] for choice, own_S in one.scores_S.items()}
    if one.paired:
        kept = {choice: own_S for choice, own_S in kept.items() if len(own_S) == len(one.scores_S[choice])}
    for runs in (kept, one.scores_S):
        several = {choice: own_S - own_S.mean() for choice, own_S in runs.items() if len(own_S) > 1}
        if len(several) > one.paired:
            break
    else:
        return {}
    seed_S = np.mean(list(several.values()), axis=0) if one.paired else 0.0
    share = 1 - 1 / len(several) if one.paired else 1.0  # the seeds' effects take their part of the degrees of freedom
    freedoms = {choice: (len(own_S) - 1) * share for choice, own_S in several.items()}
    return {
        choice: _Cell(float(((own_S - seed_S) ** 2).sum()) / freedoms[choice], freedoms[choice])
        for choice, own_S in several.items()
    }


def _all_runs(one: TargetRuns, cells: Mapping[str, _Cell], moderated: Mapping[str, RunVariance]) -> dict[str, RunVariance]:
    """Return the variances of choices with a collapsed run: their own, but at least the moderated one."""
    found = {}
    for choice, own_S in one.scores_S.items():
        if len(own_S) > 1 and _collapsed_S(one, choice).any():
            others = [one.scores_S[other] for other in cells if other != choice] if one.paired else []
            rest_S, inflated = (own_S - np.mean(others, axis=0), 1 + 1 / len(others)) if others else (own_S, 1.0)
            variance = float(rest_S.var(ddof=1)) / inflated
            found[choice] = RunVariance(max(variance, moderated[choice].variance), len(own_S) - 1)
    return found


def _collapsed_S(one: TargetRuns, choice: str) -> Flags:
    return one.collapsed_S.get(choice, np.zeros(len(one.scores_S[choice]), dtype=np.bool_))


def _moderated(own: _Cell, prior: float, level: float, level_freedom: float, factor: float, factor_freedom: float) -> RunVariance:
    """Combine a cell's own variance with `level` x `factor` (Smyth 2004), whose errors reduce the degrees of freedom."""
    expected = level * factor
    freedom = prior + own.freedom
    weight = prior / freedom
    variance = weight * expected + (1 - weight) * own.variance
    return RunVariance(variance, 1 / (1 / freedom + weight**2 / factor_freedom), weight * expected, level_freedom)


def _factors(relative_N: Scores, freedom_N: Scores, column_N: Places) -> tuple[Scores, Scores]:
    """Return the factors of the choices and their degrees of freedom, from variances relative to their target's level."""
    from scipy.special import fdtrc

    freedom_C = np.bincount(column_N, freedom_N).astype(np.float64)
    mean_C = np.bincount(column_N, freedom_N * relative_N) / freedom_C
    prior, level, _ = _fit(mean_C, freedom_C, np.zeros(len(mean_C), dtype=np.intp))
    mean_C = mean_C / level[0]
    prior_C = prior * np.minimum(1.0, len(mean_C) * fdtrc(freedom_C, prior, mean_C))
    total_C = prior_C + freedom_C
    return (prior_C + freedom_C * mean_C) / total_C, total_C


def _fit(variance_N: Scores, freedom_N: Scores, row_N: Places) -> _Fit:
    """Fit variances that differ within their rows: relative to the level of its row, a variance has an F distribution.

    The prior degrees of freedom are a low quantile of their posterior, over levels whose logarithm has a uniform prior. Each
    level is the likeliest one. No row has only zeros.
    """
    from scipy.special import logsumexp

    mean_R = np.bincount(row_N, freedom_N * variance_N) / np.bincount(row_N, freedom_N)
    in_row_NR = np.equal.outer(row_N, np.arange(len(mean_R))).astype(np.float64)
    relative_N = variance_N / mean_R[row_N]
    likelihood_KUR = _likelihood(relative_N, freedom_N, _PRIORS_K) @ in_row_NR
    evidence_K = logsumexp(likelihood_KUR, axis=1).sum(axis=1)
    weight_K = np.exp(evidence_K - evidence_K.max())
    below_K = weight_K.cumsum() / weight_K.sum()
    prior = 1 / float(np.interp(1 - _CAUTION, below_K, 1 / _PRIORS_K))
    profile_UR = (_likelihood(relative_N, freedom_N, np.array([prior])) @ in_row_NR)[0]
    best_R = profile_UR.argmax(axis=0).clip(1, len(_LOG_LEVELS_U) - 2)
    below_R, at_R, above_R = (profile_UR[best_R + step, range(len(mean_R))] for step in (-1, 0, 1))
    peak_R = 0.5 * (below_R - above_R) / (below_R - 2 * at_R + above_R)  # of the parabola through the three
    level_R = mean_R * np.exp(_LOG_LEVELS_U[best_R] + peak_R.clip(-1, 1) * (_LOG_LEVELS_U[1] - _LOG_LEVELS_U[0]))
    # Fisher's information about the logarithm of a level, of a variance with that many degrees of freedom.
    return _Fit(prior, level_R, (freedom_N * prior / (freedom_N + prior + 2)) @ in_row_NR)


def _likelihood(relative_N: Scores, freedom_N: Scores, prior_K: Scores) -> NDArray[np.float64]:
    """Return the logarithm of the density of F, [K, U, N], without the terms that neither prior nor level change."""
    from scipy.special import gammaln

    prior_K1 = prior_K[:, None]
    constant_KN = gammaln((freedom_N + prior_K1) / 2) - gammaln(prior_K1 / 2) - freedom_N / 2 * np.log(prior_K1)
    scaled_UN = np.exp(-_LOG_LEVELS_U)[:, None] * (freedom_N * relative_N)
    log_KUN = np.log1p(scaled_UN / prior_K1[:, :, None])
    level_UN = _LOG_LEVELS_U[:, None] * (freedom_N / 2)
    return np.asarray(constant_KN[:, None] - level_UN - ((freedom_N + prior_K1) / 2)[:, None] * log_KUN)
