"""Differences between two sides of a comparison, group of languages by group of languages.

The only code that turns the scores and test items of two sides into differences with intervals: a study's report compares each
intermediate choice with the baseline, `--compare` one folder of results with another.

Shapes: S seeds, L languages.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.groups import SEEN, compared_groups, phase_2_groups
from xstilts.reporting.items import Items, ItemVariance, check_paired, deviations, item_variance
from xstilts.reporting.run_variances import MANY, RunVariance, RunVariances, TargetRuns, run_variances
from xstilts.reporting.statistics import Effect, effect

ScoresBySeed = Mapping[int, Mapping[str, float]]
"""Seed -> language -> score in percent."""
ItemsBySeed = Mapping[int, Items | None]
"""Seed -> scores of the test items; None where they are not known."""
GroupKey = tuple[str, str]
"""Name and kind of a group of languages."""
VariancesByChoice = Mapping[str, Mapping[GroupKey, RunVariances]]
"""Choice -> run variances of all choices of its target, for the choice's groups of languages."""


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


@dataclass(frozen=True)
class ComparedRuns:
    """All runs of one target under one condition that are compared."""

    by_choice: Mapping[str, ScoresBySeed]
    """Every seed of every choice has a score in all languages of all groups; empty if nothing can be compared."""
    groups: Mapping[GroupKey, Sequence[str]]
    """Groups that all choices have."""
    paired: bool
    """Choices are compared over the seeds that they share."""
    untrained: bool
    """The baseline has the same scores with every seed, so its run variance is 0."""
    collapsed: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Choice -> seeds whose run collapsed; choices without any may be missing."""
    own_groups: Mapping[str, Mapping[GroupKey, Sequence[str]]] = field(default_factory=dict)
    """Choice -> groups of languages that only it has."""


def compared_runs(one: Comparison) -> ComparedRuns:
    """Select the runs that are compared, in the languages that all cells have; if paired, those with a seed of the baseline."""
    by_choice: dict[str, ScoresBySeed] = {choice: one.by_seed(choice) for choice in one.cells}
    baseline = by_choice.get(BASELINE, {})
    languages = common_languages(baseline)
    if one.paired:
        by_choice = {choice: {seed: own[seed] for seed in own if seed in baseline} for choice, own in by_choice.items()}
    compared = {
        choice: own for choice, own in by_choice.items() if languages and own and set(languages) <= set(common_languages(own))
    }
    own_groups = {choice: phase_2_groups(one, [choice], languages) for choice in compared}
    if not any(name == SEEN for groups in own_groups.values() for name, _ in groups):
        own_groups = {}
    groups = compared_groups(one, languages) if compared else {}
    return ComparedRuns(compared, groups, one.paired, one.untrained, own_groups=own_groups)


def group_run_variances(targets: Sequence[ComparedRuns]) -> list[dict[GroupKey, RunVariances]]:
    """Estimate the run variances of a whole grid, for each of the `groups` of a target; nothing from single runs.

    If seeds are paired, over those that the baseline and all choices with several seeds share.
    """
    compared = [_seeds_to_compare(one) for one in targets]
    found: list[dict[GroupKey, RunVariances]] = [{} for _ in targets]
    for key in dict.fromkeys(key for one in targets for key in one.groups):
        places = [place for place, one in enumerate(targets) if key in one.groups]
        runs = [_target_runs(compared[place], targets[place], targets[place].groups[key]) for place in places]
        for place, known in zip(places, run_variances(runs), strict=True):
            if known and targets[place].untrained:
                known = replace(known, by_choice={**known.by_choice, BASELINE: RunVariance(0.0, MANY)})
            if known:
                found[place][key] = known
    return found


def choice_run_variances(targets: Sequence[ComparedRuns]) -> Sequence[VariancesByChoice]:
    """Estimate the run variances of a whole grid, for the groups of all choices and for those that only one choice has."""
    shared = group_run_variances(targets)
    found: list[dict[str, Mapping[GroupKey, RunVariances]]] = [{} for _ in targets]
    for choice in dict.fromkeys(choice for one in targets for choice in one.by_choice):
        own = group_run_variances([replace(one, groups=one.own_groups.get(choice, {})) for one in targets])
        for place, one in enumerate(targets):
            if choice in one.by_choice:
                found[place][choice] = {**shared[place], **own[place]}
    return found


def without_collapsed(
    runs: ComparedRuns, choice: str, sides: tuple[ScoresBySeed, ScoresBySeed]
) -> tuple[ScoresBySeed, ScoresBySeed]:
    """Leave the collapsed runs of the baseline and a choice out; if paired, both runs of their seeds."""
    collapsed = [set(runs.collapsed.get(side, ())) for side in (BASELINE, choice)]
    if runs.paired:
        collapsed = [collapsed[0] | collapsed[1]] * 2
    first, second = ({seed: own[seed] for seed in own if seed not in gone} for own, gone in zip(sides, collapsed, strict=True))
    return first, second


def _seeds_to_compare(one: ComparedRuns) -> Mapping[str, ScoresBySeed]:
    """Select the choices and seeds that the run variance is estimated from."""
    if one.paired:
        several = {choice: own for choice, own in one.by_choice.items() if len(own) > 1}
        shared = [seed for seed in one.by_choice.get(BASELINE, {}) if all(seed in own for own in several.values())]
        return {choice: {seed: own[seed] for seed in shared} for choice, own in several.items() if shared}
    return {choice: own for choice, own in one.by_choice.items() if not (one.untrained and choice == BASELINE)}


def _target_runs(by_choice: Mapping[str, ScoresBySeed], one: ComparedRuns, languages: Sequence[str]) -> TargetRuns:
    return TargetRuns(
        scores_S={choice: scores_SL(own, languages).mean(axis=1) for choice, own in by_choice.items()},
        paired=one.paired,
        collapsed_S={
            choice: np.array([seed in one.collapsed.get(choice, ()) for seed in own]) for choice, own in by_choice.items()
        },
    )


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
    first, second = (next(iter(side.values())) for side in sides)
    check_paired(first, second)
    of_baseline, of_treated = map(deviations, sides)
    gains = {code: replace(own, points_K=of_treated[code].points_K - own.points_K) for code, own in of_baseline.items()}
    found = {}
    for name, codes in groups.items():
        scored = [code for code in codes if code in first]
        if known := item_variance((1 / len(scored), gains[code]) for code in scored):
            found[name] = known
    return found
