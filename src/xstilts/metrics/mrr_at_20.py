"""mrr_at_20: mean reciprocal rank over the first 20 candidates (Mewsli-X).

Reproduces google-research/xtreme third_party/utils_mewslix.py, `evaluate`; the benchmark's figure is the mean over languages.
"""

from collections.abc import Sequence

KEYS = ("mrr_at_20",)
SCORES = "ranking"

CUT = 20


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`mrr_at_20` in percent; gold: ids of the relevant candidates (one, in Mewsli-X); predictions: ids, the best first.

    The first relevant candidate counts 1 / rank; none among the first 20 counts 0. `language` plays no part.
    """
    return {"mrr_at_20": 100.0 * sum(rank for rank, _ in item_scores(gold, predictions, language)) / len(gold)}


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(reciprocal rank, 1) for each query; see `metrics.item_scores`."""
    return [(_reciprocal_rank(relevant, ranked), 1) for relevant, ranked in zip(gold, predictions, strict=True)]


def _reciprocal_rank(relevant: Sequence[str], ranked: Sequence[str]) -> float:
    return next((1.0 / rank for rank, candidate in enumerate(ranked[:CUT], start=1) if candidate in relevant), 0.0)
