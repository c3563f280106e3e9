"""Outputs of the model -> predictions -> scores, for validation and for the final evaluation alike.

Predictions belong to examples, by row; nothing is averaged over batches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xstilts import metrics
from xstilts.calibration import calibration_error
from xstilts.data.batches import TaskFeatures
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.probabilities import rounded
from xstilts.models.heads import HeadOutputs
from xstilts.numbering import counted
from xstilts.plugins import load_object
from xstilts.retrieval import protocols
from xstilts.sources import draws
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of
from xstilts.training.vectors import Outputs, Selected, Vectors, of_outputs

BEST = 3
"""The number of best candidates whose scores are kept."""


@dataclass
class Scored:
    """Predictions for some examples of one language and split, and their metrics."""

    rows: list[int]
    """Rows of the examples that a prediction belongs to (of a retrieval task: the queries)."""
    predictions: list[Any]
    gold: list[Any]
    values: dict[str, float]
    """Empty where there is no gold."""
    variant: str | None = None
    """`layer-pooling` of a retrieval task."""
    threshold: float | None = None
    """The smallest margin at which bitext mining accepts a pair."""
    confidences: list[Any] | None = None
    """For each prediction how sure the model is, see `xstilts.store.results`; None if that is not known."""


def by_row(outputs: Iterable[Outputs], evaluated: Mapping[str, TaskFeatures]) -> dict[str, HeadOutputs]:
    """Task -> the outputs of its features in order. RuntimeError unless every feature has exactly one output."""
    merged: dict[str, list[Any]] = {name: [None] * len(item.features) for name, item in evaluated.items()}
    for task, rows, values in outputs:
        for row, value in zip(rows, values, strict=True):
            if merged[task][row] is not None:
                raise RuntimeError(f"feature {row} of {task} was evaluated twice")
            merged[task][row] = value
    for task, found in merged.items():
        missing = sum(value is None for value in found)
        if missing:
            raise RuntimeError(f"{missing} of {counted(len(found), 'feature')} of {task} not evaluated")
    return merged


@dataclass(frozen=True)
class Predicted:
    """The outputs of all features of `evaluated`, in order."""

    evaluated: TaskFeatures
    outputs: HeadOutputs | Vectors
    """A retrieval task may have the vectors of all texts instead, in files."""
    shared_pools: dict[tuple[str, range], protocols.Pool] = field(default_factory=dict)
    """Candidates that all languages of a split share, made once: Mewsli-X has a million of them."""
    device: torch.device = torch.device("cpu")
    """The device that searches for neighbours; only the queries and one chunk of the candidates at a time are copied there."""

    @cached_property
    def decoded(self) -> list[Any]:
        """One prediction per example (not for retrieval, where candidates compete)."""
        item = self.evaluated
        decode = featurizer(item.task.format).decode
        return list(decode(item.examples, item.features, self.outputs, item.task, item.limits))

    @cached_property
    def vectors(self) -> Vectors:
        """The vectors of all texts of a retrieval task."""
        return self.outputs if isinstance(self.outputs, Vectors) else of_outputs(self.outputs)

    @cached_property
    def is_candidate(self) -> NDArray[np.bool_]:
        """For each text of a retrieval task, whether it is a candidate."""
        field, value = format_of(self.evaluated.task).candidate or ("id", None)
        sides, count = draws.values(self.evaluated.examples, field), len(self.evaluated.examples)
        return np.fromiter((side == value for side in sides), dtype=bool, count=count)

    @cached_property
    def confidences(self) -> list[Any] | None:
        """For each prediction how sure the model is; None if the format cannot tell, and for retrieval."""
        item = self.evaluated
        if not (confidence := getattr(featurizer(item.task.format), "confidence", None)):
            return None
        return list(confidence(item.examples, item.features, self.outputs, item.task, item.limits))

    def score(
        self,
        rows: Sequence[int],
        language: str,
        thresholds: dict[str | None, float] | None = None,
        split: range | None = None,
    ) -> list[Scored]:
        """The predictions for the examples `rows`, all of one language and split; one entry per retrieval variant, else one.

        `thresholds` (by variant) are those of bitext mining, tuned on another split; without them they are tuned here. `split`
        are the rows of all languages of the split, by default all rows: the pool of answer retrieval.
        """
        item = self.evaluated
        if format_of(item.task).embeds:
            whole = split or range(len(item.examples))
            return [self._retrieved(rows, language, name, (thresholds or {}).get(name), whole) for name in self.vectors.variants]
        gold = _gold(item, rows)
        predictions = [self.decoded[row] for row in rows]
        return [Scored(list(rows), predictions, gold, _values(item.task, gold, predictions, language))]

    def with_confidences(self, scored: Scored, language: str) -> Scored:
        """Add the confidences of predictions of one language and split, and with them the calibration error."""
        if self.confidences is None:
            return scored
        own = [self.confidences[row] for row in scored.rows]
        known = [place for place, gold in enumerate(scored.gold) if gold is not None]
        gold, given, sure = ([column[place] for place in known] for column in (scored.gold, scored.predictions, own))
        error = calibration_error(self.evaluated.task.metrics[0], gold, given, sure, language) if known else None
        values = scored.values if error is None else scored.values | {metrics.ECE: error}
        return replace(scored, confidences=own, values=values)

    def _retrieved(self, rows: Sequence[int], language: str, variant: str, threshold: float | None, split: range) -> Scored:
        task, format = self.evaluated.task, format_of(self.evaluated.task)
        assert format.candidate and task.protocol, "checked with the task"
        protocol = format.protocols[task.protocol]
        queries = [row for row in rows if not self.is_candidate[row]]
        gold = _gold(self.evaluated, queries)
        pools = [self._pool(queries, variant, self.device)]
        if protocol.shared_candidates:
            if (variant, split) not in self.shared_pools:
                self.shared_pools[variant, split] = self._pool([row for row in split if self.is_candidate[row]], variant)
            pools.append(self.shared_pools[variant, split])
        else:
            pools.append(self._pool([row for row in rows if self.is_candidate[row]], variant))
        search = load_object(protocol.search)
        if protocol.has_threshold:
            tuned = threshold is None and all(value is not None for value in gold)
            found = search(*pools, gold=gold) if tuned else search(*pools, threshold=threshold or 0.0)
        else:
            found = search(*pools)
        values = _values(task, gold, found.candidates, language)
        best = [rounded(scores[:BEST]) for scores in found.scores]
        return Scored(queries, found.candidates, gold, values, variant, found.threshold, best)

    def _pool(self, rows: Sequence[int], variant: str, device: torch.device | None = None) -> protocols.Pool:
        chosen, number = self.evaluated.examples.select(rows), self.vectors.variants.index(variant)
        vectors = Selected(self.vectors, number, np.array(rows, dtype=np.int64), device or torch.device("cpu"))
        return protocols.Pool(ids=chosen["id"][:], texts=chosen["text"], vectors_ND=vectors)


def selection_score(evaluated: Mapping[str, TaskFeatures], outputs: Iterable[Outputs]) -> tuple[float, dict[str, float]]:
    """The number that selects a checkpoint, higher is better, and the metrics behind it by task.

    It is the mean over tasks of each task's main score (itself a mean over languages), as jiant's macro-average; a task whose
    main score is lower for better models (mlm) counts only where there is no other, with its sign changed.
    """
    found: dict[str, float] = {}
    better: list[float] = []
    worse: list[float] = []
    for name, rows in by_row(outputs, evaluated).items():
        item = evaluated[name]
        predicted = Predicted(item, rows)
        key = metrics.main_key(item.task.metrics[0])
        languages = np.asarray(item.examples["language"][:])
        per_language = []
        for language in dict.fromkeys(languages.tolist()):
            values = predicted.score(np.flatnonzero(languages == language).tolist(), language)[0].values
            if key in values:
                per_language.append(values[key])
        if not per_language:
            raise ValueError(f"the validation examples of task {name} have no gold, so no checkpoint can be selected")
        found[f"{name}/{key}"] = float(np.mean(per_language))
        (better if metrics.higher_is_better(key) else worse).append(found[f"{name}/{key}"])
    return (float(np.mean(better)) if better else -float(np.mean(worse))), found


def _gold(evaluated: TaskFeatures, rows: Sequence[int]) -> list[Any]:
    gold_of = format_of(evaluated.task).gold_of
    columns = evaluated.examples.select(rows)[:]  # all at once: row by row takes ten times as long
    return [gold_of(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]


def _values(task: Task, gold: list[Any], predictions: list[Any], language: str) -> dict[str, float]:
    """All metrics of the task, over the examples that have gold; a language model needs none."""
    known = [number for number, value in enumerate(gold) if value is not None or format_of(task).gold is None]
    if not known:
        return {}
    chosen = [gold[number] for number in known], [predictions[number] for number in known]
    return {key: value for metric in task.metrics for key, value in metrics.score(metric, *chosen, language).items()}
