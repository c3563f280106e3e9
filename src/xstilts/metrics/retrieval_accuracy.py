"""retrieval_accuracy: how often the first candidate is relevant (Tatoeba; `accuracy` of google-research/xtreme evaluate.py)."""

from collections.abc import Sequence

KEYS = ("accuracy",)
SCORES = "ranking"


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`accuracy` in percent; gold: the ids of a query's relevant candidates; predictions: ids, the best first.

    Only the first id counts; a query with no predicted candidate is wrong. `language` plays no part.
    """
    return {"accuracy": 100.0 * sum(correct for correct, _ in item_scores(gold, predictions, language)) / len(gold)}


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(1, 1) for a query whose first candidate is relevant, else (0, 1); see `metrics.item_scores`."""
    return [(bool(ranked) and ranked[0] in relevant, 1) for relevant, ranked in zip(gold, predictions, strict=True)]
