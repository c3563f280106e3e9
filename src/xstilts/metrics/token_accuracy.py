"""token_accuracy: the share of words whose tag is the gold one, over all words, as jiant scores CCG supertags."""

from collections.abc import Sequence

from xstilts.numbering import counted

KEYS = ("accuracy",)
SCORES = "tags"


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`accuracy` in percent; gold and predictions: one tag per word of each sentence. `language` plays no part.

    Raises `ValueError` where the lengths of a sentence differ, or there is no word.
    """
    words = correct = 0
    for number, (right, given) in enumerate(zip(gold, predictions, strict=True), start=1):
        if len(right) != len(given):
            got = counted(len(given), "tag")
            raise ValueError(f"token_accuracy: sentence {number} got {got}, expected {len(right)}, one for each word")
        words += len(right)
        correct += sum(a == b for a, b in zip(right, given, strict=True))
    if not words:
        raise ValueError("token_accuracy: no words to score")
    return {"accuracy": 100.0 * correct / words}


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(right words, all words) of each sentence; see `metrics.item_scores`."""
    pairs = zip(gold, predictions, strict=True)
    return [(sum(a == b for a, b in zip(right, given, strict=True)), len(right)) for right, given in pairs]
