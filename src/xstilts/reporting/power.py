"""The smallest effects that a study finds, computed before it runs (Card et al. 2020, arXiv 2010.06595).

A study finds an effect if its p-value is at most 0.05. The smallest effect is the one that it finds with a probability of 80 %.
The test is that of the report: `run_variances` estimates the variance between runs from the whole grid, and p-values are computed
as in `effect`. Only the runs are simulated, all with one standard deviation. So the result includes that a few seeds estimate a
variance badly.

Two standard deviations are assumed, in percentage points:

    run SD    between the seeds of a choice, of its mean over languages: 0.5, 1 and 2. Finished results of the study replace it
    item SD   between items, of an item's difference between two choices, mean over languages: 25. The intervals of Tatoeba (SNLI)
              and XCOPA (CommonsenseQA) in docs/real_languages.md give 23 and 21 if all of their width is due to items
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, harmonic_mean

import numpy as np

from xstilts import metrics
from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.effects import (
    ComparedRuns,
    GroupKey,
    ScoresBySeed,
    common_languages,
    compared_runs,
    group_run_variances,
)
from xstilts.reporting.groups import OTHERS, SOURCE, WHOLE, compared_groups
from xstilts.reporting.naming import options
from xstilts.reporting.run_variances import RunVariance, RunVariances
from xstilts.reporting.statistics import SIGNIFICANT, Estimate, run_estimate, total_variance

RUN_SDS = (0.5, 1.0, 2.0)
ITEM_SD = 25.0
POWER = 0.8
MOST_SEEDS = (*range(2, 30), *range(30, 100, 5), *range(100, 1001, 50))
"""Numbers of seeds that may be told to decide a question."""
ONE_RUN = "one seed is not tested"
PAIRS = 2000
"""Number of simulated pairs of a choice and the baseline."""

Seeds = tuple[int, ...]


@dataclass(frozen=True)
class SmallestEffect:
    """The smallest effect, for one run SD, of a declared comparison or of a target's choices with the same number of seeds."""

    target: str
    """Its name, with the options in which its cells differ from most of the study's; several of a declared comparison."""
    choices: int
    seeds: int
    """Number of seeds of a choice; of a declared comparison the smallest one."""
    baseline_seeds: int
    """Number of seeds of the baseline; of a declared comparison the largest number of a choice."""
    languages: int
    """Number of languages in the mean: all but the source language, or that one if there is no other."""
    items: int
    """Declared number of test items of a language (the harmonic mean over languages); 0 if the interval covers runs only."""
    comparisons: int
    """Number of tests in the study that Holm's correction counts."""
    run_sd: float
    measured: bool
    """True if finished results of the study give the run SD, False if it is assumed."""
    item_sd: float
    """NaN if the interval covers runs only."""
    effect: float
    """In percentage points; NaN if a side has one seed, which is never tested."""
    corrected: float
    """The smallest effect if the p-value has to pass the first and strictest step of Holm's correction."""
    comparison: str = ""
    """Name of a primary comparison that the study declares; empty for the differences from `none`."""
    reason: str = ""
    """The reason why there is no smallest effect; empty if there is one."""


@dataclass(frozen=True)
class Design:
    """Seeds of the baseline and of the choices of a target."""

    baseline: Seeds
    choices: tuple[Seeds, ...]
    paired: bool
    untrained: bool
    """The baseline is the same with every seed."""


def smallest_effect(
    simulated: Sequence[Estimate],
    seeds: tuple[int, int],
    run_sds: tuple[float, float],
    item_variance: float,
    comparisons: int = 1,
    alpha: float = SIGNIFICANT,
    power: float = POWER,
) -> float:
    """Return the smallest difference, in percentage points, that is significant with probability `power`.

    `seeds`: numbers of runs of the baseline and the choice; NaN unless both are at least 2, since one run is never tested.
    `run_sds`: their true standard deviations between runs. `simulated`: estimates of the difference's variance between runs where
    the true ones are 1, from `simulated_runs`. `item_variance`: variance of the difference over the choice of test items, squared
    points. `comparisons`: the p-value has to be at most `alpha` divided by it.
    """
    if min(seeds) < 2:
        return math.nan
    of_runs = sum(sd**2 / count for sd, count in zip(run_sds, seeds, strict=True))
    return smallest_value(simulated, max(run_sds), of_runs, item_variance, comparisons, alpha, power)


def smallest_value(
    simulated: Sequence[Estimate],
    run_sd: float,
    run_variance: float,
    item_variance: float,
    comparisons: int = 1,
    alpha: float = SIGNIFICANT,
    power: float = POWER,
) -> float:
    """Return the smallest value of a combination of scores, in percentage points, that is significant with probability `power`.

    `simulated`: estimates of its variance between runs where the runs have the variance 1. `run_sd`: their true SD.
    `run_variance`: the true variance of the combination between runs, squared points. The rest is as in `smallest_effect`.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, stdtrit

    true = run_variance + item_variance
    if true == 0.0:
        return 0.0
    totals = [total_variance([Estimate(run_sd**2 * one.variance, one.freedom, one.least)], item_variance) for one in simulated]
    total_K, freedom_K = np.array(totals).T
    reach_K = np.sqrt(total_K) * stdtrit(freedom_K, 1 - alpha / comparisons / 2)
    sd = math.sqrt(true)

    def missing(effect: float) -> float:
        return float(np.mean(ndtr((effect - reach_K) / sd) + ndtr((-effect - reach_K) / sd))) - power

    return float(brentq(missing, 0.0, float(reach_K.max()) + 10 * sd))


def decisive_seeds(
    runs: Sequence[tuple[float, RunVariance]], seeds: int, freedom: float, item_variance: float, margin: float, comparisons: int
) -> float:
    """Return the number of seeds of every choice with which a question would be decided; infinity if no number is enough.

    It is decided if a true effect as large as `margin` (points) is found, and a true 0 is found to lie within it, each with
    probability POWER. `runs`: squared weight and run variance of each choice, from `seeds` seeds with `freedom` degrees of
    freedom, which are taken to grow in proportion. `item_variance`: squared points. `comparisons`: those that Holm's correction
    counts. The power of a t test is that of the noncentral t distribution.
    """
    from scipy.special import stdtr, stdtrit
    from scipy.stats import nct

    def decided(count: float) -> bool:
        error = math.sqrt(sum(square * one.variance for square, one in runs) / count + item_variance)
        if error == 0.0:
            return True
        known = min(freedom * (count - 1) / max(seeds - 1, 1), 1e6)
        found = nct.sf(stdtrit(known, 1 - SIGNIFICANT / comparisons / 2), known, margin / error)
        none = 2 * stdtr(known, margin / error - stdtrit(known, 1 - SIGNIFICANT)) - 1
        return bool(min(found, none) >= POWER)

    return next((float(count) for count in MOST_SEEDS if decided(count)), math.inf)


def simulated_runs(designs: Sequence[Design]) -> list[dict[int, list[Estimate]]]:
    """Simulate a grid of these targets whose runs have the variance 1, and estimate that of differences as the report does.

    Returns number of seeds -> estimates for such choices, for each target. Choices with one seed are left out, all if the
    baseline has one. The same designs give the same numbers.
    """
    rng = np.random.default_rng(0)
    names = [
        {BASELINE: design.baseline} | {str(number): seeds for number, seeds in enumerate(design.choices)} for design in designs
    ]
    tested = [
        [name for name, seeds in own.items() if min(len(seeds), len(own[BASELINE])) > 1 and name != BASELINE] for own in names
    ]
    found: list[dict[int, list[Estimate]]] = [{} for _ in designs]
    for _ in range(math.ceil(PAIRS / min(filter(None, map(len, tested)), default=PAIRS))):
        grid = [
            ComparedRuns(
                {name: {seed: {"": float(rng.normal())} for seed in seeds} for name, seeds in own.items() if seeds},
                {(OTHERS, WHOLE): [""]},
                design.paired,
                design.untrained,
            )
            for design, own in zip(designs, names, strict=True)
        ]
        for place, known in enumerate(group_run_variances(grid)):
            for name in tested[place]:
                scores = grid[place].by_choice[BASELINE], grid[place].by_choice[name]
                found[place].setdefault(len(scores[1]), []).append(_estimate(*scores, next(iter(known.values()), None), name))
    return found


def _estimate(baseline: ScoresBySeed, treated: ScoresBySeed, known: RunVariances | None, name: str) -> Estimate:
    """Estimate the variance between runs of one difference; by the differences of seeds where paired choices share no two."""
    if known:
        return run_estimate([(1 / len(baseline), known.of(BASELINE)), (1 / len(treated), known.of(name))])
    freedom = len(treated) - 1
    variance = float(np.var([treated[seed][""] - baseline[seed][""] for seed in treated], ddof=1))
    return Estimate(variance / len(treated), freedom, freedom)


def smallest_effects(planned: Sequence[Comparison], finished: Sequence[Comparison] = ()) -> list[SmallestEffect]:
    """Return the smallest effects of all targets, those of a target with the same number of seeds together.

    `planned`: comparisons of results without scores, whose rows have the declared number of examples (0 if it is not declared).
    `finished`: those of the same study that have scores; the run SD of a target with several seeds there is used.
    """
    typed = options(planned) if planned else []
    compared = [(one, " ".join([one.target, *words]), _compared(one)) for one, words in zip(planned, typed, strict=True)]
    tests: dict[GroupKey, int] = {}
    for _, _, (key, _, design) in compared:
        several = sum(len(seeds) > 1 for seeds in design.choices) if len(design.baseline) > 1 else 0
        tests[key] = tests.get(key, 0) + several
    simulated = simulated_runs([design for _, _, (_, _, design) in compared])
    found = []
    for (one, target, (key, languages, design)), known in zip(compared, simulated, strict=True):
        items = declared_items(one, languages)
        item_variance = ITEM_SD**2 / items if items else 0.0
        measured = _measured_sd(one, finished, key)
        for count, choices in Counter(map(len, design.choices)).items():
            seeds = count if one.paired else len(design.baseline), count
            for run_sd in RUN_SDS if measured is None else (measured,):
                sds = 0.0 if design.untrained else run_sd, run_sd
                effect, corrected = (
                    smallest_effect(known.get(count, []), seeds, sds, item_variance, comparisons)
                    for comparisons in (1, tests[key])
                )
                found.append(
                    SmallestEffect(
                        target=target,
                        choices=choices,
                        seeds=count,
                        baseline_seeds=seeds[0],
                        languages=len(languages),
                        items=items,
                        comparisons=tests[key],
                        run_sd=run_sd,
                        measured=measured is not None,
                        item_sd=ITEM_SD if items else math.nan,
                        effect=effect,
                        corrected=corrected,
                        reason="" if min(seeds) > 1 else ONE_RUN,
                    )
                )
    return found


def _compared(one: Comparison) -> tuple[GroupKey, Sequence[str], Design]:
    """Return the group of languages that is tested, its languages, and the seeds; no choice if there is no baseline."""
    by_choice: dict[str, ScoresBySeed] = {choice: one.by_seed(choice) for choice in one.cells}
    baseline = by_choice.get(BASELINE, {})
    languages = common_languages(baseline)
    groups = compared_groups(one, languages)
    key = (OTHERS, WHOLE) if (OTHERS, WHOLE) in groups else (SOURCE, WHOLE)
    choices = [
        tuple(seed for seed in own if seed in baseline or not one.paired)
        for choice, own in by_choice.items()
        if choice != BASELINE and set(languages) <= set(common_languages(own))
    ]
    seeds = tuple(seeds for seeds in choices if seeds and languages)
    return key, groups.get(key, []), Design(tuple(baseline), seeds, one.paired, one.untrained)


def declared_items(one: Comparison, languages: Sequence[str]) -> int:
    """Return the number of test items (harmonic mean over languages); 0 if not declared, or the metric is no sum over items."""
    if not metrics.scored_by_item(one.metric):
        return 0
    rows = one.main.rows(next(one.results()))
    counts = [row["examples"] for row in rows if row["language"] in languages]
    return round(harmonic_mean(counts)) if counts else 0


def _measured_sd(one: Comparison, finished: Sequence[Comparison], key: GroupKey) -> float | None:
    """Return the run SD that finished results of the target under the same condition have; None without several seeds."""
    for other in finished:
        if (other.target, other.settings, other.split) != (one.target, one.settings, one.split) or BASELINE not in other.cells:
            continue
        _, languages, _ = _compared(other)
        if not languages:
            continue
        runs = compared_runs(other)
        if known := group_run_variances([replace(runs, groups={key: languages})])[0].get(key):
            return math.sqrt(
                fmean(own.variance for choice, own in known.by_choice.items() if not (other.untrained and choice == BASELINE))
            )
    return None
