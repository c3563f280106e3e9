"""squad: exact match and F1 of answer texts, for SQuAD, XQuAD and TyDiQA-GoldP.

Reproduces google-research/xtreme third_party/evaluate_squad.py (SQuAD v1.1), and SQuAD v2.0's rule for unanswerable questions.
The English normalisation holds for every language, as in XTREME: Chinese and Thai are not segmented, so their F1 is close to
their exact match.
"""

import re
import string
from collections.abc import Sequence

from xstilts.metrics._overlap import answer_scores, exact_match_and_f1

KEYS = ("f1", "exact_match")
SCORES = "answer"

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, then without English articles, with single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def score(gold: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> dict[str, float]:
    """`exact_match` and `f1` in percent; see `_overlap.exact_match_and_f1`. `language` plays no part."""
    return exact_match_and_f1(gold, predictions, normalise)


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> list[tuple[float, float]]:
    """(F1, 1) for each question; see `metrics.item_scores`."""
    return [(f1, 1) for _, f1 in answer_scores(gold, predictions, normalise)]
