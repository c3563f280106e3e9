"""What a column of scores, one per language, comes down to. Pure functions over rows of a result.

The rows of one call are those of one task, split and metric: each has a "language" and a "value" (None without gold, and then
left out). None is returned where the question makes no sense.
"""

from collections.abc import Iterable, Mapping
from typing import Any

SOURCE_LANGUAGE = "en"


def english(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """The English score."""
    return _scores(rows).get(SOURCE_LANGUAGE)


def mean_of_others(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """The mean score of the languages other than English, each with the same weight."""
    others = [score for language, score in _scores(rows).items() if language != SOURCE_LANGUAGE]
    return sum(others) / len(others) if others else None


def transfer_gap(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """English minus the mean of the others, the cross-lingual transfer gap of XTREME (arXiv 2003.11080)."""
    rows = list(rows)
    source, others = english(rows), mean_of_others(rows)
    return None if source is None or others is None else source - others


def _scores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for row in rows:
        if row["value"] is None:
            continue
        if row["language"] in scores:
            raise ValueError(f"two scores for language '{row['language']}': expected the rows of one task, split and metric")
        scores[row["language"]] = float(row["value"])
    return scores
