"""The best intermediate task for each target, chosen on validation data and reported on test data.

Choosing the best of several choices on the scores that are then reported makes the gain too large, and so does choosing it on the
validation scores of the same runs, since a lucky run is lucky on both. So a run is reported only if its choice was the best on
validation in the other seeds (leave one seed out), and the gain is the mean over seeds. A choice therefore does not depend on the
run that it is reported with. Choices of several seeds depend on runs that they share, so the errors of the reported runs may be
correlated in an unknown way: the variance of their mean is taken to be that of a single run, the largest that it can be
(Cauchy-Schwarz). With one seed there is nothing to leave out, and so no interval.

On which validation data a choice is made matters (Keung et al. 2020, arXiv 2004.15001): those of all languages are not there in a
zero-shot setting, and those of the source language may be a bad guide to the others. Both are reported.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.numbering import counted, natural
from xstilts.reporting.averages import TEST, VALIDATION, AveragedTarget, averaged_targets, by_condition, rescored, split_of
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.contrasts import COMBINED, COMBINED_GROUP, Scored, combined
from xstilts.reporting.effects import group_run_variances
from xstilts.reporting.groups import ALL, SOURCE
from xstilts.reporting.items import item_variance
from xstilts.reporting.statistics import Estimated, estimated, holm, run_estimate

if TYPE_CHECKING:
    from pandas import DataFrame

SELECTION = (
    "condition target chosen_on candidates chosen reported baseline score gain low high covers p p_corrected seeds "
    "baseline_seeds upper_bound over"
).split()
AVERAGE = "average"
"""Instead of a target: the mean over the targets for which a choice can be made."""
ScoreByRun = Mapping[str, Mapping[int, float]]
"""Choice -> seed -> score."""


@dataclass(frozen=True)
class Choosable:
    """A target with scores for choosing and scores for reporting."""

    target: AveragedTarget
    validation: ScoreByRun

    @cached_property
    def test(self) -> ScoreByRun:
        """The scores for reporting."""
        return {
            choice: {seed: scores[COMBINED] for seed, scores in own.items()}
            for choice, own in combined([self.target.part]).by_choice.items()
        }

    def best(self, candidates: Sequence[str], left_out: int | None = None) -> str:
        """Return the candidate with the best mean on validation, without the seed `left_out`."""
        means = {
            choice: np.mean([score for seed, score in self.validation[choice].items() if seed != left_out])
            for choice in candidates
        }
        return max(candidates, key=lambda choice: means[choice])


@dataclass(frozen=True)
class Gain:
    """The gain of the best choice, mean over targets, in percent."""

    chosen: Sequence[str]
    """For each target the best choice in all seeds together."""
    reported: Mapping[str, int]
    """Choice -> number of its runs that are reported, the most frequent first."""
    baseline: float
    score: float
    estimated: Estimated
    seeds: int
    baseline_seeds: int
    upper_bound: float
    """The gain of the best choice on the test data."""


@dataclass(frozen=True)
class Selected:
    """One target, or several together."""

    targets: Sequence[str]
    chosen_on: str
    """ALL or SOURCE: the languages of the validation data."""
    candidates: int
    gain: Gain | None
    over: str
    """The targets that the average is without, or the reason why nothing can be chosen."""


def selection(targets: Sequence[Scored]) -> "DataFrame":
    """Return a row per condition, target and validation data to choose on, and one for the average over targets.

    `chosen` is the best choice in all seeds together, `reported` the number of runs of each choice, `gain` the difference to the
    baseline, `upper_bound` the gain of the choice that is the best on the test data, which no honest choice can promise. A target
    that is only tested on one split has no gain, and `over` says so.
    """
    from pandas import DataFrame

    rows = [
        [condition, *_row(one)]
        for condition, own in by_condition(targets).items()
        for chosen_on in (ALL, SOURCE)
        for one in selected(own, chosen_on)
    ]
    frame = DataFrame(rows, columns=SELECTION)
    if len(frame):
        family = [frame["chosen_on"], frame["target"] == AVERAGE]
        frame["p_corrected"] = frame.groupby(family)["p"].transform(lambda p: holm(p.tolist()))
    return frame


def selected(own: Sequence[Scored], chosen_on: str) -> Iterator[Selected]:
    """Yield each target of a condition, then all of them together, then those for which no choice can be made."""
    targets, left_out = averaged_targets(own, TEST)
    candidates = sorted({choice for one in own for choice in one.scores} - {BASELINE}, key=natural)
    if len(candidates) < 2 or not any(BASELINE in one.scores for one in own):
        return
    found, reasons = [], dict(left_out)
    for target in targets:
        if isinstance(chosen := _choosable(target, candidates, chosen_on), str):
            reasons[target.name] = chosen
        else:
            found.append(chosen)
    for one in found:
        yield Selected([one.target.name], chosen_on, len(candidates), _gain([one], candidates), "")
    if len(found) > 1:
        names = [one.target.name for one in found]
        over = "; ".join([counted(len(found), "target"), *(f"without {name}: {reason}" for name, reason in reasons.items())])
        yield Selected(names, chosen_on, len(candidates), _gain(found, candidates), over)
    for name, reason in reasons.items():
        yield Selected([name], chosen_on, len(candidates), None, f"cannot be chosen honestly: {reason}")


def _row(one: Selected) -> list[Any]:
    gain, names = one.gain, one.targets
    about = [names[0] if len(names) == 1 else AVERAGE, one.chosen_on, one.candidates]
    if gain is None:
        return [*about, "", "", *[np.nan] * 5, "", np.nan, np.nan, 0, 0, np.nan, one.over]
    chosen = gain.chosen[0] if len(names) == 1 else ", ".join(map(": ".join, zip(names, gain.chosen, strict=True)))
    reported = ", ".join(f"{choice} {count}" for choice, count in gain.reported.items())
    value = gain.estimated
    numbers = [gain.baseline, gain.score, value.value, value.low, value.high, value.covers, value.p, np.nan]
    return [*about, chosen, reported, *numbers, gain.seeds, gain.baseline_seeds, gain.upper_bound, one.over]


def _choosable(target: AveragedTarget, candidates: Sequence[str], chosen_on: str) -> Choosable | str:
    """Return the target with the validation scores of its candidates; a reason if it has none."""
    if split_of(target.scored, VALIDATION) is None:
        return "there is one split only"
    shown = rescored(target.scored, target.one.main.with_split(VALIDATION))
    by_run = {choice: shown.scores[choice] for choice in candidates}
    every = [scores for own in by_run.values() for scores in own.values()]
    codes = [code for code in target.codes if all(code in scores for scores in every)]
    if chosen_on == SOURCE:
        codes = [code for code in codes if code == target.one.source]
    if not codes:
        return "no validation score" + (" in the source language" if chosen_on == SOURCE else "")
    means = {
        choice: {seed: float(np.mean([scores[code] for code in codes])) for seed, scores in own.items()}
        for choice, own in by_run.items()
    }
    return Choosable(target, means)


def _gain(found: Sequence[Choosable], candidates: Sequence[str]) -> Gain | None:
    """Return the gain, mean over targets; None if runs have no seed in common."""
    runs = combined([one.target.part for one in found])
    seeds = [seed for seed in runs.by_choice[candidates[0]] if all(seed in runs.by_choice[choice] for choice in candidates)]
    baseline_seeds = seeds if runs.paired else list(runs.by_choice[BASELINE])
    if not seeds or not baseline_seeds:
        return None
    several = len(seeds) > 1
    reported = [{seed: one.best(candidates, seed if several else None) for seed in seeds} for one in found]
    score = float(np.mean([one.test[own[seed]][seed] for one, own in zip(found, reported, strict=True) for seed in seeds]))
    baseline = float(np.mean([runs.by_choice[BASELINE][seed][COMBINED] for seed in baseline_seeds]))
    best = [max(np.mean(list(one.test[choice].values())) for choice in candidates) for one in found]
    value = score - baseline
    counts = Counter(choice for own in reported for choice in own.values())
    return Gain(
        chosen=[one.best(candidates) for one in found],
        reported=dict(counts.most_common()),
        baseline=baseline,
        score=score,
        estimated=_estimated(found, reported, value, baseline_seeds) if several else estimated(value, None, None, False),
        seeds=len(seeds),
        baseline_seeds=len(baseline_seeds),
        upper_bound=float(np.mean(best)) - baseline,
    )


def _estimated(
    found: Sequence[Choosable], reported: Sequence[Mapping[int, str]], value: float, baseline_seeds: Sequence[int]
) -> Estimated:
    """Judge a gain: its variance between runs is at most that of one run of the choice that varies most."""
    parts = [one.target.part for one in found]
    known = group_run_variances([combined(parts)])[0].get(COMBINED_GROUP)
    runs = None
    if known:
        treated = max((known.of(choice) for own in reported for choice in own.values()), key=lambda one: one.variance)
        runs = run_estimate([(1 / len(baseline_seeds), known.of(BASELINE)), (1.0, treated)])
    weighted = []
    for part, own in zip(parts, reported, strict=True):
        shares = {choice: count / len(own) for choice, count in Counter(own.values()).items()} | {BASELINE: -1.0}
        if not all(choice in part.scored.deviations for choice in shares):
            return estimated(value, runs, None, runs is not None)
        weighted += [
            (share * weight / len(parts), part.scored.deviations[choice][code])
            for choice, share in shares.items()
            for code, weight in part.languages.items()
            if code in part.scored.deviations[choice]
        ]
    over_items = item_variance(weighted)
    tested = runs is not None and len(baseline_seeds) > 1
    return estimated(value, runs, over_items.variance if over_items else None, tested)
