"""The smallest effects of a study's primary comparisons that its report will find, from its plan.

As in `power`, by the code that answers the questions (`answers`, `contrasts`), with simulated runs. The run SD is that of the
score that is compared: a choice's mean over the comparison's targets and languages, or the difference of two groups of these.
The SD of an item is that of `power`, for each target; the part of the items in a trend is scaled as its weights are.

A slope is left out: its sample are languages or sets of them, and their scatter is not known before a run.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, harmonic_mean

import numpy as np

from xstilts.analysis import AnalysisConfig, QuestionConfig
from xstilts.reporting.answers import Linear, Untestable, chosen_by, linear
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.contrasts import (
    COMBINED,
    COMBINED_GROUP,
    Scored,
    combined,
    runs_of_grid,
    runs_to_compare,
    variance_between_runs,
)
from xstilts.reporting.effects import ComparedRuns, ScoresBySeed, group_run_variances, scores_SL
from xstilts.reporting.power import ITEM_SD, ONE_RUN, RUN_SDS, SmallestEffect, declared_items, smallest_value
from xstilts.reporting.scaling import counts_of
from xstilts.reporting.statistics import Estimate

STUDIES = 400
"""Number of simulated studies."""
SCATTER = "not known before a run"
"""The reason why a slope has no smallest effect."""


@dataclass(frozen=True)
class _Planned:
    name: str
    linear: Linear | None = None
    reason: str = ""
    """The reason why nothing can be computed."""


def smallest_declared(
    declared: AnalysisConfig, planned: Sequence[Scored], finished: Sequence[Scored] = ()
) -> list[SmallestEffect]:
    """Return the smallest effects of all primary comparisons, and the reason for each that has none.

    `planned`: the targets of the study, with any scores. `finished`: those that have real ones; their run SD is used if all
    targets of a comparison are among them, with several seeds. Holm's correction counts the comparisons that will be tested.
    """
    conditions = dict.fromkeys(one.condition for one in planned)
    every: list[_Planned] = []
    for name, question in declared.primary.items():
        own = [
            _planned(
                f"{name} ({condition})" if condition else name, question, [one for one in planned if one.condition == condition]
            )
            for condition in conditions
        ]
        every += [one for one in own if one.linear or one.reason == SCATTER] or own[:1]
    tests = sum(one.reason in ("", SCATTER) for one in every)
    return [effect for one in every for effect in _effects(one, max(tests, 1), finished)]


def _planned(name: str, question: QuestionConfig, targets: Sequence[Scored]) -> _Planned:
    counts = {choice: next(iter(by_seed.values())) for one in targets for choice, by_seed in one.one.cells.items()}
    try:
        if question.kind == "slope":
            chosen_by(question, targets)
            return _Planned(name, reason=SCATTER)
        found = linear(question, targets, lambda: counts_of(counts))
    except Untestable as reason:
        return _Planned(name, reason=str(reason))
    seeds = _seeds(found)
    tested = all(seeds.values()) and all(sum(seeds[choice] for choice in side) > 1 for side in found.sides)
    return _Planned(name, found, "" if tested else ONE_RUN)


def _seeds(one: Linear) -> dict[str, int]:
    """Return choice -> number of runs that are compared."""
    return {choice: len(runs) for choice, runs in runs_to_compare(one.weights, combined(one.parts)).items()}


def _effects(planned: _Planned, tests: int, finished: Sequence[Scored]) -> Iterator[SmallestEffect]:
    nothing = SmallestEffect(
        *("", 0, 0, 0, 0, 0, tests, math.nan, False, math.nan, math.nan, math.nan), comparison=planned.name, reason=planned.reason
    )
    one = planned.linear
    if one is None:
        yield nothing
        return
    seeds, codes = _seeds(one), [[code for code in part.languages if part.languages[code] > 0] for part in one.parts]
    items = [declared_items(part.scored.one, own) for part, own in zip(one.parts, codes, strict=True)]
    known = harmonic_mean(items) if all(items) else 0
    scale = sum(map(abs, one.weights.values())) / 2
    item_variance = (scale * ITEM_SD) ** 2 / (known * len(items)) if known else 0.0
    about = replace(
        nothing,
        target=", ".join(part.scored.one.target for part in one.parts),
        choices=len(seeds),
        seeds=min(seeds.values()),
        baseline_seeds=max(seeds.values()),
        languages=max(map(len, codes)),
        items=round(known),
        item_sd=ITEM_SD if known else math.nan,
    )
    simulated = [] if planned.reason else _simulated(one)
    if not simulated:  # no choice of the study has several seeds, though each side may have several choices
        yield replace(about, reason=planned.reason or ONE_RUN)
        return
    measured = _measured_sd(one, finished)
    untrained = combined(one.parts).untrained
    error = sum(weight**2 / seeds[own] for own, weight in one.weights.items() if not (untrained and own == BASELINE))
    for run_sd in RUN_SDS if measured is None else (measured,):
        effect, corrected = (
            smallest_value(simulated, run_sd, run_sd**2 * error, item_variance, comparisons) for comparisons in (1, tests)
        )
        yield replace(about, run_sd=run_sd, measured=measured is not None, effect=effect, corrected=corrected)


def _simulated(one: Linear) -> list[Estimate]:
    """Simulate runs whose combined scores have the variance 1, and estimate that of the combination as the report does."""
    rng = np.random.default_rng(0)
    grid, place = runs_of_grid(one.parts, one.grid)
    found = []
    for _ in range(STUDIES):
        drawn = [replace(runs, by_choice=_drawn(runs, rng)) for runs in grid]
        known = group_run_variances(drawn)[place].get(COMBINED_GROUP)
        compared = runs_to_compare(one.weights, drawn[place])
        score_S = {choice: scores_SL(own, [COMBINED])[:, 0] for choice, own in compared.items()}
        if (estimate := variance_between_runs(one.weights, score_S, known, drawn[place].paired)) is not None:
            found.append(estimate)
    return found


def _drawn(runs: ComparedRuns, rng: np.random.Generator) -> dict[str, ScoresBySeed]:
    return {choice: {seed: {COMBINED: float(rng.normal())} for seed in own} for choice, own in runs.by_choice.items()}


def _measured_sd(one: Linear, finished: Sequence[Scored]) -> float | None:
    """Return the run SD of the score that is compared in finished results; None unless all targets have some."""
    found = [
        replace(part, scored=next(other for other in finished if _same(other, part.scored)))
        for part in one.parts
        if any(_same(other, part.scored) for other in finished)
    ]
    if len(found) < len(one.parts):
        return None
    runs = combined(found)
    known = group_run_variances([runs])[0].get(COMBINED_GROUP) if runs.by_choice else None
    if known is None:
        return None
    return math.sqrt(fmean(own.variance for name, own in known.by_choice.items() if not (runs.untrained and name == BASELINE)))


def _same(first: Scored, second: Scored) -> bool:
    return (first.one.target, first.one.settings, first.one.split) == (second.one.target, second.one.settings, second.one.split)
