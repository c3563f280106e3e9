"""Exact match and bag-of-tokens F1 of normalised answers, for the metrics squad and mlqa."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence


def exact_match_and_f1(
    gold: Sequence[Sequence[str]], predictions: Sequence[str], normalise: Callable[[str], str]
) -> dict[str, float]:
    """`exact_match` and `f1` in percent, the mean over questions of the best value over the accepted answers.

    gold: the accepted answers of each question, none for an unanswerable one; predictions: a text, "" for no answer. Tokens are
    what whitespace parts in `normalise(text)`. As in SQuAD v1.1's script an empty answer shares no token with anything, and as in
    v2.0's a prediction on an unanswerable question is right, in both values, where nothing is left of it.
    """
    exact_match = f1 = 0.0
    for exact, overlap in answer_scores(gold, predictions, normalise):
        exact_match += exact
        f1 += overlap
    return {"exact_match": 100.0 * exact_match / len(gold), "f1": 100.0 * f1 / len(gold)}


def answer_scores(
    gold: Sequence[Sequence[str]], predictions: Sequence[str], normalise: Callable[[str], str]
) -> Iterator[tuple[float, float]]:
    """Exact match and F1 of each question, in [0, 1], by the rules of `exact_match_and_f1`."""
    for accepted, prediction in zip(gold, predictions, strict=True):
        given = normalise(prediction)
        if accepted:
            answers = [normalise(answer) for answer in accepted]
            yield given in answers, max(token_f1(answer.split(), given.split()) for answer in answers)
        else:
            yield not given, not given


def token_f1(answer: Sequence[str], given: Sequence[str]) -> float:
    """F1, in [0, 1], of the tokens `given` against those of `answer`, both as bags; 0 where they share none."""
    shared = (Counter(answer) & Counter(given)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(answer)
    return 2 * precision * recall / (precision + recall)
