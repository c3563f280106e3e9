"""bitext_f1: precision, recall and F1 of mined sentence pairs, as sets (BUCC; google-research/xtreme evaluate.py, `bucc_f1`)."""

from collections.abc import Sequence

KEYS = ("f1",)
SCORES = "pairs"


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`f1`, `precision` and `recall` in percent over pairs of a source sentence and a candidate's id.

    gold and predictions: for each source sentence the ids of its translations, none for most. All three are 0 where no pair is
    right. `language` plays no part.
    """
    right = {(source, candidate) for source, candidates in enumerate(gold) for candidate in candidates}
    given = {(source, candidate) for source, candidates in enumerate(predictions) for candidate in candidates}
    correct = len(right & given)
    if not correct:
        return {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    precision, recall = correct / len(given), correct / len(right)
    f1 = 2 * precision * recall / (precision + recall)
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(twice the right pairs, pairs in gold and prediction together) of each source sentence; see `metrics.item_scores`."""
    sets = [(set(right), set(given)) for right, given in zip(gold, predictions, strict=True)]
    return [(2 * len(right & given), len(right) + len(given)) for right, given in sets]
