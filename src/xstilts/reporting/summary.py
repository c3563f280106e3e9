"""Summaries of one score in all languages: pure functions over rows of a result.

The rows of a call belong to one task, split and metric. Each has a "language" and a "value"; rows with the value None, without
gold, are ignored. A function returns None if the rows lack the languages that it needs. The source language is the one that the
target was trained in.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from xstilts.tasks.declaration import SPLITS

ENGLISH = "en"


class MainScore(NamedTuple):
    """The place of a target's main score in the rows of its results."""

    metric: str
    """The main key of the target's metric."""
    split: str
    layer: int | None
    """The first layer and pooling of retrieval, which the predictions are from; None and None for other targets."""
    pooling: str | None

    def rows(self, result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the rows of a result, one per language."""
        return [row for row in result["rows"] if (row["metric"], row["split"], row.get("layer"), row.get("pooling")) == self]

    def with_split(self, split: str) -> "MainScore":
        """Return the same score on another split."""
        return MainScore(self.metric, split, self.layer, self.pooling)

    def with_metric(self, metric: str) -> "MainScore":
        """Return another score of the same split, layer and pooling."""
        return MainScore(metric, self.split, self.layer, self.pooling)

    def with_place(self, layer: int | None, pooling: str | None) -> "MainScore":
        """Return the same score on another layer and pooling."""
        return MainScore(self.metric, self.split, layer, pooling)


def main_score(results: Sequence[Mapping[str, Any]], metric: str) -> MainScore | None:
    """Return the main score that results of one target share, by the main key of its metric; None without gold in a common split.

    It is of the last split for which every result has gold, and of the first layer and pooling of the last result.
    """
    with_gold = [[row for row in result["rows"] if row["metric"] == metric and row["value"] is not None] for result in results]
    splits = [{row["split"] for row in rows} for rows in with_gold]
    split = next((split for split in reversed(SPLITS) if splits and all(split in found for found in splits)), None)
    if split is None:
        return None
    first = next(row for row in with_gold[-1] if row["split"] == split)
    return MainScore(metric, split, first.get("layer"), first.get("pooling"))


def source_language(result: Mapping[str, Any]) -> str:
    """Return the source language of a cell's result; English for results that do not name it."""
    return str(result["cell"].get("source_language", ENGLISH))


def source_score(rows: Iterable[Mapping[str, Any]], source: str = ENGLISH) -> float | None:
    """Return the score in the source language."""
    return scores(rows).get(source)


def mean_of_others(rows: Iterable[Mapping[str, Any]], source: str = ENGLISH) -> float | None:
    """Return the mean score of the languages other than the source language, each with the same weight."""
    others = [score for language, score in scores(rows).items() if language != source]
    return sum(others) / len(others) if others else None


def transfer_gap(rows: Iterable[Mapping[str, Any]], source: str = ENGLISH) -> float | None:
    """Return the source language minus the mean of the others, the cross-lingual transfer gap of XTREME (arXiv 2003.11080)."""
    rows = list(rows)
    own, others = source_score(rows, source), mean_of_others(rows, source)
    return None if own is None or others is None else own - others


def scores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return language -> score, without languages that have no gold. ValueError for two scores of one language."""
    found: dict[str, float] = {}
    for row in rows:
        if row["value"] is None:
            continue
        if row["language"] in found:
            raise ValueError(f"two scores for language '{row['language']}': expected the rows of one task, split and metric")
        found[row["language"]] = float(row["value"])
    return found
