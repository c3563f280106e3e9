"""Differences between two sides of a comparison, group of languages by group of languages.

The only code that turns the scores and test items of two sides into differences with intervals: a study's report compares each
intermediate choice with the baseline, `--compare` one folder of results with another.

Shapes: S seeds, L languages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.items import Items, ItemVariance, check_paired, deviations, item_variance
from xstilts.reporting.statistics import Effect, RunVariance, RunVariances, effect, run_variances

ScoresBySeed = Mapping[int, Mapping[str, float]]
"""Seed -> language -> score in percent."""
ItemsBySeed = Mapping[int, Items | None]
"""Seed -> scores of the test items; None where they are not known."""
GroupKey = tuple[str, str]
"""Name and kind of a group of languages."""


@dataclass(frozen=True)
class GroupEffect:
    """The difference between two sides in one group of languages."""

    group: str
    kind: str
    languages: int
    baseline: float
    """Mean score of the first side over seeds and languages, in percent."""
    score: float
    """The score of the second side."""
    items: int
    """Number of test items; 0 if they are not known."""
    clusters: int
    """Number of clusters of test items; 0 if they are not known."""
    effect: Effect


def group_effects(
    baseline: ScoresBySeed,
    treated: ScoresBySeed,
    groups: Mapping[GroupKey, Sequence[str]],
    items: tuple[ItemsBySeed, ItemsBySeed],
    runs: Mapping[GroupKey, tuple[RunVariance, RunVariance]] | None = None,
) -> Iterator[GroupEffect]:
    """Compare two sides in every group; without `runs`, their run variances, they need the same seeds.

    Every seed of both sides needs a score in every language of `groups`. `items` are those of the two sides. UserError if not
    all seeds have the same test items.
    """
    variances = _item_variances(*items, {name: codes for (name, _), codes in groups.items()})
    for key, codes in groups.items():
        baseline_SL, treated_SL = scores_SL(baseline, codes), scores_SL(treated, codes)
        of_items = variances.get(key[0])
        yield GroupEffect(
            *key,
            languages=len(codes),
            baseline=float(baseline_SL.mean()),
            score=float(treated_SL.mean()),
            items=of_items.items if of_items else 0,
            clusters=of_items.clusters if of_items else 0,
            effect=effect(baseline_SL, treated_SL, of_items.variance if of_items else None, (runs or {}).get(key)),
        )


def group_run_variances(
    by_choice: Mapping[str, ScoresBySeed], groups: Mapping[GroupKey, Sequence[str]], paired: bool, untrained: bool
) -> dict[GroupKey, RunVariances]:
    """Estimate each group's run variances from the choices with several seeds; if paired, over the seeds that these share.

    `untrained`: the baseline has the same scores with every seed, so its run variance is 0.
    """
    if paired:
        several = {choice: own for choice, own in by_choice.items() if len(own) > 1}
        shared = [seed for seed in by_choice[BASELINE] if all(seed in own for own in several.values())]
        by_choice = {choice: {seed: own[seed] for seed in shared} for choice, own in several.items() if shared}
    elif untrained:
        by_choice = {choice: own for choice, own in by_choice.items() if choice != BASELINE}
    found = {}
    for key, codes in groups.items():
        scores_S = {choice: scores_SL(own, codes).mean(axis=1) for choice, own in by_choice.items()}
        if known := run_variances(scores_S, paired):
            without_runs = {BASELINE: RunVariance(0.0, known.common.freedom)} if untrained else {}
            found[key] = replace(known, by_choice={**known.by_choice, **without_runs})
    return found


def scores_SL(by_seed: ScoresBySeed, languages: Sequence[str]) -> NDArray[np.float64]:
    """Scores as a matrix, seeds in rows."""
    return np.array([[scores[code] for code in languages] for scores in by_seed.values()])


def common_languages(by_seed: ScoresBySeed) -> list[str]:
    """The languages in which every seed has a score, in the order of the first seed."""
    scores = list(by_seed.values())
    return [code for code in scores[0] if all(code in one for one in scores)] if scores else []


def _item_variances(baseline: ItemsBySeed, treated: ItemsBySeed, groups: Mapping[str, Sequence[str]]) -> dict[str, ItemVariance]:
    """Return the variance of each group with test items; nothing unless the items of every seed are known on both sides."""
    sides = [{seed: items for seed, items in side.items() if items is not None} for side in (baseline, treated)]
    if len(sides[0]) < len(baseline) or len(sides[1]) < len(treated):
        return {}
    first, *others = (items for side in sides for items in side.values())
    for other in others:
        check_paired(first, other)
    of_baseline, of_treated = map(deviations, sides)
    found = {}
    for name, codes in groups.items():
        scored = [code for code in codes if code in first]
        signed = ((-1, of_baseline), (1, of_treated))
        parts = ((sign / len(scored), side[code]) for sign, side in signed for code in scored)
        if known := item_variance(parts):
            found[name] = known
    return found
