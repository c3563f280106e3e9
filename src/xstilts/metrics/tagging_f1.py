"""tagging_f1: chunk F1 of tag sequences under the rules of two seqeval versions, and token accuracy. The main score is 1.2.2's.

The two versions split a tag into prefix and type at different places. In `B-creative-work`, 1.2.2 takes all that follows the
first hyphen as the type, 0.0.12 only what follows the last one, so that creative-work and art-work are one type. POS tags have
no prefix: 0.0.12 takes the whole tag as the type, 1.2.2 the tag without its first letter, so SCONJ and CCONJ are one type and X
has none. Both merge equal neighbours into one chunk, so neither is token accuracy. On B-PER, I-PER, O and the like they agree.

XTREME's tasks use `xtreme_tagging_f1`, the same values with 0.0.12's as the main score.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

from xstilts.errors import UserError
from xstilts.metrics import token_accuracy

KEYS = ("f1_seqeval_1_2_2",)
SCORES = "tags"

Chunk = tuple[str, int, int]
"""Type, first and last position in the split's words, a boundary counting as one word after each sentence."""


def check_labels(labels: Sequence[str]) -> None:
    """Raise UserError for tags that seqeval takes for O, because they begin with it."""
    if taken := [tag for tag in labels if tag != "O" and tag.startswith("O")]:
        raise UserError(
            f"takes every tag that begins with O for O, {', '.join(taken)} too: write B-{taken[0]} and I-{taken[0]} in labels, "
            "and map the data's tags in the source, or choose token_accuracy"
        )


def split_0_0_12(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag under seqeval 0.0.12: the first letter, and what follows the last hyphen."""
    return tag[0], tag.rsplit("-", 1)[-1]


def split_1_2_2(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag under seqeval 1.2.2: the first letter, and what follows it (after the hyphen, if there is one)."""
    return tag[0], tag[1:].split("-", 1)[-1] or "_"


_VARIANTS = {"f1_seqeval_1_2_2": split_1_2_2, "f1_seqeval_0_0_12": split_0_0_12}


def chunks(sentences: Sequence[Sequence[str]], split: Callable[[str], tuple[str, str]]) -> set[Chunk]:
    """The chunks of all sentences, by the lenient rule of conlleval that both versions of `get_entities` follow.

    A chunk may end without having begun (under 1.2.2, an X after a boundary): it then reaches back to where the last chunk began.
    """
    found: set[Chunk] = set()
    prefix, kind, begin, position = "O", "", 0, 0
    for sentence in sentences:
        for tag in (*sentence, "O"):
            last_prefix, last_kind = prefix, kind
            prefix, kind = split(tag)
            other_kind = kind != last_kind
            if last_prefix in "ES" or (last_prefix in "BI" and prefix in "BSO") or (last_prefix not in "O." and other_kind):
                found.add((last_kind, begin, position - 1))
            if prefix in "BS" or (last_prefix in "ESO" and prefix in "EI") or (prefix not in "O." and other_kind):
                begin = position
            position += 1
    return found


def precision_recall_f1(
    gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], split: Callable[[str], tuple[str, str]]
) -> tuple[float, float, float]:
    """Precision, recall and F1 in percent over the chunks of all sentences; 0 where a denominator is 0."""
    right, given = chunks(gold, split), chunks(predictions, split)
    correct = len(right & given)
    if not correct:
        return 0.0, 0.0, 0.0
    precision, recall = correct / len(given), correct / len(right)
    return 100.0 * precision, 100.0 * recall, 100.0 * 2 * precision * recall / (precision + recall)


def item_scores(
    gold: Sequence[Sequence[str]],
    predictions: Sequence[Sequence[str]],
    language: str,
    split: Callable[[str], tuple[str, str]] = split_1_2_2,
) -> list[tuple[float, float]]:
    """(twice the right chunks, chunks in gold and prediction together) of each sentence; see `metrics.item_scores`.

    A chunk belongs to the sentence in which it ends: under 1.2.2 it may begin in the sentence before.
    """
    right, given = chunks(gold, split), chunks(predictions, split)
    boundaries = list(accumulate(len(sentence) + 1 for sentence in gold))  # the boundary after a sentence counts as a word
    found, correct = (
        Counter(bisect_left(boundaries, end + 1) for _, _, end in chosen) for chosen in ([*right, *given], right & given)
    )
    return [(2 * correct[number], found[number]) for number in range(len(gold))]


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`f1_seqeval_1_2_2`, `f1_seqeval_0_0_12` and token `accuracy` in percent; `language` plays no part.

    gold and predictions: one tag per word of each sentence, the sentences in the order of the data: under 1.2.2 a chunk that
    ends in an X may reach back into the sentence before. Raises `ValueError` where their lengths differ.
    """
    accuracy = token_accuracy.score(gold, predictions, language)
    values = {name: precision_recall_f1(gold, predictions, split)[2] for name, split in _VARIANTS.items()}
    return values | accuracy
