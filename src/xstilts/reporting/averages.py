"""Averages over the targets of a study, like those of XTREME and XTREME-R, and their differences to the choice `none`.

An average is the mean over targets of the mean over languages of the main score, on one split. Each benchmark has its own targets
and languages; a target that lacks some of these does not count. A study with other targets or with a synthetic world also has an
average over all of its targets and languages. XTREME's own tables use the mean of exact match and F1 for question answering
(google-research/xtreme evaluate.py): an average with `average` in its name does so, and all others use the main score, F1.

A benchmark tests some targets on their validation split (TyDiQA); these count in its average on test, and `over` says so.

A run (a choice with a seed) has one average, so that what its targets share, such as the intermediate training, is part of the
variance between runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts import metrics
from xstilts.numbering import counted
from xstilts.paths import conf_dir
from xstilts.reporting.comparison import BASELINE, Comparison, choice_order
from xstilts.reporting.contrasts import COMBINED, Part, Scored, combination, combined
from xstilts.reporting.effects import common_languages
from xstilts.reporting.statistics import holm
from xstilts.reporting.submission import VERSIONS, languages
from xstilts.reporting.summary import MainScore
from xstilts.tasks.catalogue import load_task

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGES = (
    "condition benchmark split intermediate average sd baseline difference low high covers p p_corrected tasks seeds "
    "baseline_seeds gap over"
).split()
BENCHMARKS = {"XTREME": "xtreme", "XTREME-R": "xtreme-r"}
ALL_TARGETS = "all targets"
OFFICIAL = " average"
"""Ends the name of an average with the mean of exact match and F1 for question answering."""
TEST, VALIDATION = "test", "validation"


@dataclass(frozen=True)
class AveragedTarget:
    """One target in an average."""

    scored: Scored
    """Its main score is of the split that is averaged."""
    codes: list[str]
    """The languages that count; every run has them."""
    whole: int
    """The number of languages that there should be."""

    @property
    def one(self) -> Comparison:
        return self.scored.one

    @property
    def name(self) -> str:
        return self.one.target

    @property
    def part(self) -> Part:
        """The target in a combination of scores."""
        return Part(self.scored, dict.fromkeys(self.codes, 1 / len(self.codes)))

    @property
    def official(self) -> list[Part]:
        """The target as two parts, whose mean is the score in XTREME's own tables."""
        second = metrics.score_keys(self.one.metric)[-1]
        return [self.part, replace(self.part, scored=rescored(self.scored, MainScore(second, *self.one.main[1:])))]

    @property
    def has_gap(self) -> bool:
        """Return True if there are scores in the source language and in others."""
        return self.one.source in self.codes and len(self.codes) > 1

    def gap(self, choice: str) -> float:
        """Return the mean over seeds of the score in the source language minus the mean of the others."""
        own, source = self.scored.scores[choice].values(), self.one.source
        others = [code for code in self.codes if code != source]
        return float(np.mean([scores[source] - np.mean([scores[code] for code in others]) for scores in own]))


def averages(targets: Sequence[Scored]) -> "DataFrame":
    """Return a row per condition, benchmark, split and intermediate choice; `targets` are those of the study.

    Only targets that have every choice of a condition count, with the seeds that all of them have, in the languages that all
    cells have, so that the rows can be compared. `sd` is over seeds. `gap` is the source language minus the mean of the others,
    over the targets that have both. `over` lists what the row is over and what is left out.
    """
    from pandas import DataFrame

    rows = [[condition, *row] for condition, own in by_condition(targets).items() for row in _rows(own)]
    frame = DataFrame(rows, columns=AVERAGES)
    if len(frame):
        frame["p_corrected"] = frame.groupby(["benchmark", "split"])["p"].transform(lambda p: holm(p.tolist()))
    return frame


def by_condition(targets: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Return condition -> its targets."""
    return {
        condition: [one for one in targets if one.condition == condition] for condition in {one.condition: 0 for one in targets}
    }


def averaged_targets(own: Sequence[Scored], split: str) -> tuple[list[AveragedTarget], dict[str, str]]:
    """Return the targets of a condition that can be averaged on a split, and the others with the reason."""
    choices = {choice for one in own for choice in one.scores}
    parts, left_out = [], {}
    for one in own:
        target, main = one.one.target, one.one.main
        if (used := split_of(one, split)) is None:
            left_out[target] = f"has no {split} split beside the one that it is tested on"
            continue
        shown = rescored(one, main.with_split(used))
        cells = [scores for by_seed in shown.scores.values() for scores in by_seed.values()]
        every = dict.fromkeys(code for scores in cells for code in scores)
        codes = common_languages(dict(enumerate(cells)))
        if not metrics.higher_is_better(main.metric):
            left_out[target] = f"less {main.metric} is better"
        elif not choices <= set(one.scores):
            left_out[target] = "not run with every choice"
        elif not codes:
            left_out[target] = f"no language with gold on {used} in all cells"
        else:
            parts.append(AveragedTarget(shown, codes, len(every)))
    return parts, left_out


def split_of(one: Scored, split: str) -> str | None:
    """Return the split of a target that counts as TEST or VALIDATION; None if it is tested on its only split."""
    evaluated = next(one.one.results())["config"]["target"]["task"].get("evaluate", (VALIDATION, TEST))
    tested = TEST if TEST in evaluated else VALIDATION
    if split == TEST:
        return tested
    return VALIDATION if VALIDATION in evaluated and tested == TEST else None


def rescored(one: Scored, main: MainScore) -> Scored:
    """Return a target with other scores as its main ones. Test items are known of the former main score only."""
    if main == one.one.main:
        return one
    other = replace(one.one, main=main)
    return Scored(other, one.condition, {choice: other.by_seed(choice) for choice in other.cells}, {})


def _rows(own: Sequence[Scored]) -> Iterator[list[object]]:
    found = {split: averaged_targets(own, split) for split in (TEST, VALIDATION)}
    for split, (every, reasons) in found.items():
        if not every and (split == VALIDATION or found[VALIDATION][0]):
            continue
        for benchmark, included, partial in _benchmarks(every, split):
            names = _tasks(benchmark) if benchmark in BENCHMARKS else tuple(reasons)
            left_out = {name: reason for name, reason in {**reasons, **partial}.items() if name in names}
            over = _over(benchmark, split, included, left_out)
            parts = [target.part for target in included]
            yield from ([benchmark, split, *row, over] for row in _choices(own, included, parts))
            if any(len(metrics.score_keys(target.one.metric)) > 1 for target in included) and benchmark in BENCHMARKS:
                parts = [part for target in included for part in target.official]
                yield from ([benchmark + OFFICIAL, split, *row, over] for row in _choices(own, included, parts))


def _choices(own: Sequence[Scored], included: Sequence[AveragedTarget], parts: Sequence[Part]) -> Iterator[list[object]]:
    """Yield a row for each choice, from its score on, without what it is over."""
    choices = sorted({choice for one in own for choice in one.scores}, key=choice_order)
    by_choice = combined(parts).by_choice if parts else {}
    runs = {choice: [scores[COMBINED] for scores in by_seed.values()] for choice, by_seed in by_choice.items()}
    for choice in choices:
        means = runs.get(choice, [])
        spread = float(np.std(means, ddof=1)) if len(means) > 1 else np.nan
        gaps = [target.gap(choice) for target in included if target.has_gap]
        average, gap = (float(np.mean(values)) if values else np.nan for values in (means, gaps))
        compared: list[Any] = [np.nan, np.nan, np.nan, np.nan, "", np.nan, np.nan]
        seeds, baseline_seeds = len(means), len(runs.get(BASELINE, []))
        found = combination({choice: 1.0, BASELINE: -1.0}, parts, parts, ([choice], [BASELINE])) if parts else None
        if choice != BASELINE and found:
            one, counts = found.estimated, found.counts
            seeds, baseline_seeds = counts[choice], counts[BASELINE]
            compared = [average - one.value, one.value, one.low, one.high, one.covers, one.p, np.nan]
        yield [choice, average, spread, *compared, len(included), seeds, baseline_seeds, gap]


def _benchmarks(every: Sequence[AveragedTarget], split: str) -> Iterator[tuple[str, list[AveragedTarget], Mapping[str, str]]]:
    """Yield the averages to show, with the targets that lack some of the benchmark's languages.

    XTREME-R is shown if it has a target or language that XTREME lacks, all targets if no benchmark has all of them.
    """
    shown: list[set[tuple[str, str]]] = []
    for benchmark in BENCHMARKS:
        included, partial = [], {}
        for target in every:
            if target.one.languages or target.name not in _tasks(benchmark):
                continue
            expected = _expected(target, benchmark, split)
            codes = [code for code in target.codes if code in expected]
            if len(codes) < len(expected):
                partial[target.name] = f"{len(codes)} of {counted(len(expected), 'language')}"
            elif codes:
                included.append(replace(target, codes=codes, whole=len(expected)))
        if included and not any(_items(included) <= other for other in shown):
            shown.append(_items(included))
            yield benchmark, included, partial
    if not every or _items(every) not in shown:
        yield ALL_TARGETS, list(every), {}


def _expected(target: AveragedTarget, benchmark: str, split: str) -> list[str]:
    """Return the languages of a target in a benchmark; on validation, those of them that have the split at all."""
    official = official_languages(target.name, BENCHMARKS[benchmark])
    if split == TEST:
        return official
    have = {row["language"] for result in target.one.results() for row in result["rows"] if row["split"] == split}
    return [code for code in official if code in have]


def official_languages(name: str, version: str) -> list[str]:
    """Return the languages of a target in a version of the benchmark (`submission.VERSIONS`)."""
    return list(_declared(conf_dir(), name, version))


@cache
def _declared(folder: Path, name: str, version: str) -> tuple[str, ...]:
    return tuple(languages(load_task(folder, name), version))


def _tasks(benchmark: str) -> tuple[str, ...]:
    return VERSIONS[BENCHMARKS[benchmark]]


def _items(parts: Iterable[AveragedTarget]) -> set[tuple[str, str]]:
    return {(part.name, code) for part in parts for code in part.codes}


def _over(benchmark: str, split: str, parts: Sequence[AveragedTarget], left_out: Mapping[str, str]) -> str:
    """Write `2 of 9 tasks; tydiqa is tested on validation; without mlqa: 4 of 7 languages`."""
    if benchmark in BENCHMARKS:
        clauses = [f"{len(parts)} of {counted(len(_tasks(benchmark)), 'task')}"]
    else:
        clauses = [_grouped({part.name: counted(len(part.codes), "language") for part in parts}) or "no target"]
    clauses += [f"{part.name} is tested on {part.one.split}" for part in parts if part.one.split != split]
    clauses += [
        f"{part.name} in {len(part.codes)} of {counted(part.whole, 'language')}" for part in parts if len(part.codes) < part.whole
    ]
    with_gap = [part.name for part in parts if part.has_gap]
    clauses.append(f"gap of {', '.join(with_gap)}" if 0 < len(with_gap) < len(parts) else "")
    clauses += [f"without {name}: {reason}" for name, reason in left_out.items()]
    return "; ".join(filter(None, clauses))


def _grouped(values: Mapping[str, str]) -> str:
    """Write `15 languages of xnli; 4 languages of mine, other`; if all have one value, `4 languages`."""
    by_value: dict[str, list[str]] = {}
    for name, value in values.items():
        by_value.setdefault(value, []).append(name)
    if len(by_value) < 2:
        return "".join(by_value)
    return "; ".join(f"{value} of {', '.join(names)}" for value, names in by_value.items())
