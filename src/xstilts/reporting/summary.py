"""Summaries of one score in all languages: pure functions over rows of a result.

The rows of a call belong to one task, split and metric. Each has a "language" and a "value"; rows with the value None, without
gold, are ignored. A function returns None if the rows lack the languages that it needs. The source language is the one that the
target was trained in.
"""

from collections.abc import Iterable, Mapping
from typing import Any

ENGLISH = "en"


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
