"""accuracy: the share of examples whose predicted label is the gold one (google-research/xtreme evaluate.py, `accuracy`)."""

from collections.abc import Sequence

KEYS = ("accuracy",)
SCORES = "label"


def score(gold: Sequence[str | int], predictions: Sequence[str | int], language: str) -> dict[str, float]:
    """`accuracy` in percent; gold and predictions are labels, both as names or both as indices. `language` plays no part.

    Raises `ValueError` for a name beside an index: they would never be equal, and the score would be a wrong 0.
    """
    for right, given in zip(gold, predictions, strict=True):
        if isinstance(right, str) != isinstance(given, str):
            raise ValueError(f"accuracy: gold {right!r} and prediction {given!r} are not both names or both indices")
    correct = sum(right == given for right, given in zip(gold, predictions, strict=True))
    return {"accuracy": 100.0 * correct / len(gold)}


def item_scores(gold: Sequence[str | int], predictions: Sequence[str | int], language: str) -> list[tuple[float, float]]:
    """(1, 1) for a right prediction, (0, 1) for a wrong one; see `metrics.item_scores`."""
    return [(right == given, 1) for right, given in zip(gold, predictions, strict=True)]
