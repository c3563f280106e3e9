"""Linear combinations of scores: weights of intermediate choices times weights of languages, mean over targets.

    contrast       mean of some choices minus mean of others, mean over a group of languages
    interaction    the same in one group of languages minus the same in another
    trend          slope of the choices' scores on a number of each choice, such as its level or the logarithm of its size

A run (a choice with a seed) enters with its combined score over languages and targets, so that all that these have in common
counts: a seed that is lucky in one target may be so in another. Over several targets, the seeds that all of them have count. The
variances between runs and over test items are those of `run_variances` and `items`; a choice minus `none` in one target is the
effect of `effects`.

Shapes: S seeds, L levels.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.declared import SHORT
from xstilts.reporting.effects import ComparedRuns, ScoresBySeed, common_languages, group_run_variances
from xstilts.reporting.groups import OTHERS, WHOLE, compared_groups, declared_groups, phase_2_groups
from xstilts.reporting.items import Deviations, Items, deviations, item_variance
from xstilts.reporting.naming import choice_name
from xstilts.reporting.run_variances import RunVariance, RunVariances
from xstilts.reporting.statistics import Estimate, Estimated, estimated, run_estimate
from xstilts.store.results import name_of

Weights = Mapping[str, float]
"""Choice, or language -> its weight."""
COMBINED = ""
"""The language of a combined score."""
COMBINED_GROUP = (OTHERS, WHOLE)


@dataclass(frozen=True)
class Scored:
    """A target under one condition, with what is computed from its results once."""

    one: Comparison
    """Its choices have the names that the report shows."""
    condition: str
    scores: Mapping[str, ScoresBySeed]
    """Choice -> seed -> language -> main score, in percent."""
    deviations: Mapping[str, Mapping[str, Deviations]]
    """Choice -> language -> contributions of the test items to the error; choices whose items are not known are missing."""
    collapsed: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Choice -> seeds whose run collapsed."""


@dataclass(frozen=True)
class Part:
    """A target in a combination."""

    scored: Scored
    languages: Weights


@dataclass(frozen=True)
class Combination:
    """The estimate of a linear combination of scores, in percentage points."""

    estimated: Estimated
    counts: Mapping[str, int]
    """Choice -> number of runs."""
    runs: Sequence[tuple[float, RunVariance]]
    """Squared weight and run variance of each choice; empty if nothing shows the variance between runs."""
    item_variance: float | None
    """Squared standard error over the choice of test items; None if the items of a target are not known."""
    without_items: Sequence[str] = ()
    """Targets whose items are not known for all runs."""
    collapsed: int = 0
    """Number of collapsed runs."""
    without_collapsed: Estimated | None = None
    """The estimate without collapsed runs; None if none collapsed, or a choice has no other run."""


def scored(
    one: Comparison, condition: str, items: Mapping[str, Items], collapsed: Mapping[str, Collection[int]] | None = None
) -> Scored:
    """Compute what combinations need of a target.

    `items`: name of a result -> its test items, as far as they are known. `collapsed`: choice -> seeds whose run collapsed.
    """
    named = replace(one, cells={choice_name(choice): by_seed for choice, by_seed in one.cells.items()})
    known = {choice: {seed: items.get(name_of(cell)) for seed, cell in own.items()} for choice, own in named.cells.items()}
    complete = {
        choice: {seed: found for seed, found in by_seed.items() if found is not None} for choice, by_seed in known.items()
    }
    return Scored(
        one=named,
        condition=condition,
        scores={choice: named.by_seed(choice) for choice in named.cells},
        deviations={choice: deviations(own) for choice, own in complete.items() if own and len(own) == len(known[choice])},
        collapsed={choice_name(choice): seeds for choice, seeds in (collapsed or {}).items()},
    )


def combination(
    choices: Weights, parts: Sequence[Part], grid: Sequence[Part], sides: Iterable[Collection[str]]
) -> Combination | None:
    """Estimate a combination of the scores of some choices, mean over `parts`, which have all of them.

    `grid`: the targets of the study with the same group of languages, whose choices show how much runs vary; for several parts,
    the combined scores of all choices show it. `sides`: sets of choices; nothing is tested unless each has several runs. None if
    the parts have no seed in common.
    """
    runs = combined(parts)
    scores = runs_to_compare(choices, runs)
    if not all(scores.values()):
        return None
    score_S = {choice: np.array([of_seed[COMBINED] for of_seed in own.values()]) for choice, own in scores.items()}
    counts = {choice: len(own_S) for choice, own_S in score_S.items()}
    compared, place = runs_of_grid(parts, grid)
    known = group_run_variances(compared)[place].get(COMBINED_GROUP)
    variances = [(weight**2, known.of(choice)) for choice, weight in choices.items()] if known else []
    found = variance_between_runs(choices, score_S, known, runs.paired)
    over_items = _item_variance(choices, parts)
    value = float(sum(weight * score_S[choice].mean() for choice, weight in choices.items()))
    tested = found is not None and all(sum(counts[choice] for choice in side) > 1 for side in sides)
    missing = [part.scored.one.target for part in parts if not set(choices) <= set(part.scored.deviations)]
    collapsed = sum(seed in runs.collapsed.get(choice, ()) for choice, own in scores.items() for seed in own)
    rest = _without_collapsed(choices, runs, known, over_items) if collapsed else None
    return Combination(
        estimated(value, found, over_items, tested), counts, variances, over_items, missing, collapsed, without_collapsed=rest
    )


def _without_collapsed(
    choices: Weights, runs: ComparedRuns, known: RunVariances | None, over_items: float | None
) -> Estimated | None:
    """Estimate a combination from the runs that did not collapse; if paired, from seeds with which no compared run did.

    The items of all runs give the variance over test items.
    """
    gone = {choice: set(runs.collapsed.get(choice, ())) for choice in choices}
    if runs.paired:
        gone = dict.fromkeys(choices, set().union(*gone.values()))
    left = {
        choice: {seed: own for seed, own in of_seed.items() if seed not in gone.get(choice, ())}
        for choice, of_seed in runs_to_compare(choices, runs).items()
    }
    if not all(left.values()):
        return None
    score_S = {choice: np.array([of_seed[COMBINED] for of_seed in own.values()]) for choice, own in left.items()}
    found = None
    if known:
        shares = [(weight**2 / len(score_S[choice]), known.without_collapsed(choice)) for choice, weight in choices.items()]
        found = run_estimate(shares)
    elif runs.paired:
        found = variance_between_runs(choices, score_S, None, paired=True)
    value = float(sum(weight * score_S[choice].mean() for choice, weight in choices.items()))
    return estimated(value, found, over_items, tested=False)


def runs_to_compare(choices: Iterable[str], runs: ComparedRuns) -> dict[str, ScoresBySeed]:
    """Return the runs of some choices; if paired, those with a seed that all of them have."""
    scores = {choice: runs.by_choice.get(choice, {}) for choice in choices}
    if not runs.paired:
        return scores
    shared = [seed for seed in next(iter(scores.values())) if all(seed in own for own in scores.values())]
    return {choice: {seed: own[seed] for seed in shared} for choice, own in scores.items()}


def variance_between_runs(
    choices: Weights, score_S: Mapping[str, NDArray[np.float64]], known: RunVariances | None, paired: bool
) -> Estimate | None:
    """Estimate the variance between runs of a combination; by the differences of seeds where paired choices share no variance.

    `score_S`: choice -> combined scores of its runs. None if nothing shows it.
    """
    if known:
        return run_estimate([(weight**2 / len(score_S[choice]), known.of(choice)) for choice, weight in choices.items()])
    if not paired or min(map(len, score_S.values())) < 2:
        return None
    combined_S: NDArray[np.float64] = np.sum([weight * score_S[choice] for choice, weight in choices.items()], axis=0)
    freedom = len(combined_S) - 1
    return Estimate(float(combined_S.var(ddof=1)) / len(combined_S), freedom, freedom)


def part_of(scored: Scored, choices: Collection[str], languages: object, minus: object = None) -> Part | None:
    """Return a target with equal weights for the languages of a group, and negative ones for those of the group `minus`.

    Languages count if all runs of the choices have scores in them. None if the target lacks a choice, or a group has no language.
    """
    if not set(choices) <= set(scored.scores):
        return None
    by_choice = [common_languages(scored.scores[choice]) for choice in choices]
    available = [code for code in by_choice[0] if all(code in own for own in by_choice)]
    weights: dict[str, float] = {}
    for sign, group in ((1, languages), *(((-1, minus),) if minus is not None else ())):
        codes = _languages(scored.one, choices, group, available)
        if not codes:
            return None
        for code in codes:
            weights[code] = weights.get(code, 0.0) + sign / len(codes)
    return Part(scored, weights)


def values_by_language(choices: Weights, part: Part) -> list[dict[str, float]]:
    """Return the combination of choices by language: for each seed if all choices have the same ones, else of their means."""
    scores = {choice: part.scored.scores[choice] for choice in choices}
    seeds = [list(own) for own in scores.values()]
    runs = [[seed] for seed in seeds[0]] if all(own == seeds[0] for own in seeds) else [None]

    def value(code: str, run: list[int] | None) -> float:
        means = {choice: float(np.mean([own[seed][code] for seed in run or own])) for choice, own in scores.items()}
        return sum(weight * means[choice] for choice, weight in choices.items())

    return [{code: value(code, run) for code in part.languages} for run in runs]


def trend_weights(levels: Sequence[tuple[float, Collection[str]]]) -> dict[str, float]:
    """Return weights that make of the choices' scores the rise of their regression line, from the lowest level to the highest.

    `levels`: a number and the choices that have it, which count as one point. ValueError if there are not two different numbers.
    """
    at_L = np.array([number for number, _ in levels], dtype=np.float64)
    offset_L = at_L - at_L.mean()
    if not np.ptp(at_L) > 0:
        raise ValueError(f"expected two different levels, got {at_L.tolist()}")
    weight_L = offset_L / float(offset_L @ offset_L) * float(np.ptp(at_L))
    return {
        choice: float(weight) / len(choices) for weight, (_, choices) in zip(weight_L, levels, strict=True) for choice in choices
    }


def combined(parts: Sequence[Part]) -> ComparedRuns:
    """Return the combined scores of all choices that all parts have, as scores in one language, over the seeds of all parts."""
    every = [_scores(part) for part in parts]
    by_choice = {
        choice: {
            seed: {COMBINED: float(np.mean([own[choice][seed] for own in every]))}
            for seed in every[0][choice]
            if all(seed in own[choice] for own in every)
        }
        for choice in every[0]
        if all(choice in own for own in every)
    }
    paired = any(part.scored.one.paired for part in parts)
    if paired and BASELINE in by_choice:
        shared = by_choice[BASELINE]
        by_choice = {choice: {seed: own[seed] for seed in own if seed in shared} for choice, own in by_choice.items()}
    by_choice = {choice: own for choice, own in by_choice.items() if own}
    collapsed = {choice: {seed for part in parts for seed in part.scored.collapsed.get(choice, ())} for choice in by_choice}
    untrained = all(part.scored.one.untrained for part in parts)
    return ComparedRuns(by_choice, {COMBINED_GROUP: [COMBINED]}, paired, untrained, collapsed)


def runs_of_grid(parts: Sequence[Part], grid: Sequence[Part]) -> tuple[list[ComparedRuns], int]:
    """Return the runs that show how much those of `parts` vary, and the place of the latter: see `combination`."""
    places = [place for place, other in enumerate(grid) if other.scored is parts[0].scored]
    if len(parts) > 1 or not places:
        return [combined(parts)], 0
    return [combined([other]) for other in grid], places[0]


def _scores(part: Part) -> dict[str, dict[int, float]]:
    """Return choice -> seed -> combined score, for the choices with scores in all languages."""
    return {
        choice: {seed: sum(weight * of_seed[code] for code, weight in part.languages.items()) for seed, of_seed in own.items()}
        for choice, own in part.scored.scores.items()
        if set(part.languages) <= set(common_languages(own))
    }


def _item_variance(choices: Weights, parts: Sequence[Part]) -> float | None:
    if not all(choice in part.scored.deviations for part in parts for choice in choices):
        return None
    found = item_variance(
        (weight * of_language / len(parts), part.scored.deviations[choice][code])
        for part in parts
        for choice, weight in choices.items()
        for code, of_language in part.languages.items()
        if code in part.scored.deviations[choice]
    )
    return None if found is None else found.variance


def _languages(one: Comparison, choices: Collection[str], group: object, available: Sequence[str]) -> list[str]:
    """Return the languages of a group in which all choices have scores."""
    if not isinstance(group, str):
        return [code for code in available if isinstance(group, Collection) and code in group]
    name = SHORT.get(group, group)
    known = {**compared_groups(one, available), **phase_2_groups(one, choices, available)}
    by_name = {of: codes for (of, _), codes in known.items()}
    if name in by_name:
        return list(by_name[name])
    declared = declared_groups(one).get(name, [])
    return [code for code in available if code in declared and code != one.source]
