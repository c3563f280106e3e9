"""Averages over the targets of a study, like those of XTREME and XTREME-R, with their targets, splits and languages.

The score of a target is the mean over languages of `metrics.task_score`, in the target's main split and, for retrieval, first
layer and pooling. An average is the mean over targets. Each benchmark has its own targets and languages. A study with other
targets or with a synthetic world also has an average over all of its targets and languages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xstilts import metrics
from xstilts.paths import conf_dir
from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.naming import choice_name
from xstilts.reporting.submission import VERSIONS, languages
from xstilts.tasks.catalogue import load_task

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGES = "condition benchmark intermediate average sd tasks seeds gap over".split()
BENCHMARKS = {"XTREME": "xtreme", "XTREME-R": "xtreme-r"}
ALL_TARGETS = "all targets"

RunKey = tuple[str, int]
"""Intermediate choice and seed."""


@dataclass(frozen=True)
class AveragedTarget:
    """One target in an average."""

    target: Comparison
    scores: Mapping[RunKey, Mapping[str, float]]
    """Run -> language -> score, for all languages."""
    codes: list[str]
    """The languages that count; every run has them."""
    whole: int
    """The number of languages that there should be."""

    @property
    def name(self) -> str:
        return self.target.target

    @property
    def has_gap(self) -> bool:
        """Return True if there are scores in the source language and in others."""
        return self.target.source in self.codes and len(self.codes) > 1

    def score(self, run: RunKey) -> float:
        """Return the mean over languages."""
        return float(np.mean([self.scores[run][code] for code in self.codes]))

    def gap(self, run: RunKey) -> float:
        """Return the score in the source language minus the mean of the others."""
        source = self.target.source
        return self.scores[run][source] - float(np.mean([self.scores[run][code] for code in self.codes if code != source]))


def averages(pairs: Iterable[tuple[Comparison, str]]) -> "DataFrame":
    """Return a row per condition, benchmark and intermediate choice; `pairs` are comparisons with their conditions.

    Only targets that every choice of a condition has with each of its seeds count, in the languages that all these cells have,
    so that the rows can be compared. `sd` is over seeds. `gap` is the source language minus the mean of the others, over the
    targets that have both. `over` lists what the row is over and what is left out.
    """
    from pandas import DataFrame

    by_condition: dict[str, list[Comparison]] = {}
    for one, condition in pairs:
        by_condition.setdefault(condition, []).append(one)
    rows = [[condition, *row] for condition, own in by_condition.items() for row in _rows(own)]
    return DataFrame(rows, columns=AVERAGES)


def _rows(own: Sequence[Comparison]) -> Iterator[list[object]]:
    runs = {(choice, seed) for one in own for choice, cells in one.cells.items() for seed in cells}
    parts, left_out = [], {}
    for one in own:
        scores = {(choice, seed): one.task_scores(choice, seed) for choice, cells in one.cells.items() for seed in cells}
        every = dict.fromkeys(code for scored in scores.values() for code in scored)
        codes = [code for code in every if all(code in scored for scored in scores.values())]
        parts.append(AveragedTarget(one, scores, codes, len(every)))
        if not metrics.higher_is_better(one.key):
            left_out[one.target] = f"less {one.key} is better"
        elif not runs <= set(scores):
            left_out[one.target] = "not run with every choice and seed"
        elif not codes:
            left_out[one.target] = "no language that all cells have"
    for benchmark, counted in _benchmarks([part for part in parts if part.name not in left_out]):
        names = _tasks(benchmark) if benchmark in BENCHMARKS else tuple(left_out)
        over = _over(benchmark, counted, {name: reason for name, reason in left_out.items() if name in names})
        for choice in sorted({choice for choice, _ in runs}, key=lambda name: (name != BASELINE, name)):
            own_runs = sorted(run for run in runs if run[0] == choice)
            means = [float(np.mean([part.score(run) for part in counted])) for run in own_runs] if counted else []
            gaps = [part.gap(run) for run in own_runs for part in counted if part.has_gap]
            spread = float(np.std(means, ddof=1)) if len(means) > 1 else np.nan
            average, gap = (float(np.mean(values)) if values else np.nan for values in (means, gaps))
            yield [benchmark, choice_name(choice), average, spread, len(counted), len(own_runs), gap, over]


def _benchmarks(parts: Sequence[AveragedTarget]) -> Iterator[tuple[str, list[AveragedTarget]]]:
    """Yield the averages to show.

    XTREME-R is shown if it has a target or language that XTREME lacks, all targets if no benchmark has all of them.
    """
    shown: list[set[tuple[str, str]]] = []
    for benchmark in BENCHMARKS:
        counted = []
        for part in parts:
            if part.target.languages or part.name not in _tasks(benchmark):
                continue
            official = languages(load_task(conf_dir(), part.name), BENCHMARKS[benchmark])
            if codes := [code for code in part.codes if code in official]:
                counted.append(AveragedTarget(part.target, part.scores, codes, len(official)))
        if counted and not any(_items(counted) <= other for other in shown):
            shown.append(_items(counted))
            yield benchmark, counted
    if _items(parts) not in shown:
        yield ALL_TARGETS, list(parts)


def _tasks(benchmark: str) -> tuple[str, ...]:
    return VERSIONS[BENCHMARKS[benchmark]]


def _items(parts: Iterable[AveragedTarget]) -> set[tuple[str, str]]:
    return {(part.name, code) for part in parts for code in part.codes}


def _over(benchmark: str, parts: Sequence[AveragedTarget], left_out: Mapping[str, str]) -> str:
    """Write `2 of 9 tasks; test of bucc2018; validation of tydiqa; bucc2018 in 3 of 4 languages`."""
    if benchmark in BENCHMARKS:
        clauses = [f"{len(parts)} of {len(_tasks(benchmark))} tasks"]
    else:
        clauses = [
            _grouped({part.name: f"{len(part.codes)} language{'s' * (len(part.codes) > 1)}" for part in parts}) or "no target"
        ]
    clauses.append(_grouped({part.name: part.target.split for part in parts}))
    clauses += [f"{part.name} in {len(part.codes)} of {part.whole} languages" for part in parts if len(part.codes) < part.whole]
    with_gap = [part.name for part in parts if part.has_gap]
    clauses.append(f"gap of {', '.join(with_gap)}" if 0 < len(with_gap) < len(parts) else "")
    clauses += [f"without {name}: {reason}" for name, reason in left_out.items()]
    return "; ".join(filter(None, clauses))


def _grouped(values: Mapping[str, str]) -> str:
    """Write `test of xnli, xquad; validation of tydiqa`; if all have one value, `test`."""
    by_value: dict[str, list[str]] = {}
    for name, value in values.items():
        by_value.setdefault(value, []).append(name)
    if len(by_value) < 2:
        return "".join(by_value)
    return "; ".join(f"{value} of {', '.join(names)}" for value, names in by_value.items())
