"""mlqa: exact match and F1 of answer texts under the rules of the answer's language.

Reproduces google-research/xtreme third_party/evaluate_mlqa.py (MLQA's script): all Unicode punctuation goes, then the
language's articles; Chinese is cut into characters. Its Arabic rule is kept as it works: the article's two letters are
replaced by a blank wherever they occur, in the middle of a word too.
"""

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, partial

from xstilts.errors import UserError, unknown_name
from xstilts.metrics._overlap import answer_scores, exact_match_and_f1

KEYS = ("f1", "exact_match")
SCORES = "answer"


def _words(articles: str) -> str:
    return rf"\b(?:{'|'.join(articles.split())})\b"


_ARTICLES = {
    "en": _words("a an the"),
    "es": _words("un una unos unas el la los las"),
    "de": _words("ein eine einen einem eines einer der die das den dem des"),
    "vi": _words("của là cái chiếc những"),
    "ar": "ال",
    "hi": None,
    "zh": None,
}
_PRIVATE = re.compile("q[a-t][a-z]")
"""ISO 639's codes for private use, those of synthetic languages: no articles."""
_HAN = re.compile("([\u4e00-\u9fa5])")


@cache
def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def normalise(text: str, language: str) -> str:
    """Lower case, without punctuation, then without the articles of `language`; tokens are separated by single blanks.

    In Chinese every character of U+4E00-U+9FA5 is a token, and the text between them is split at whitespace.
    """
    kept = "".join(character for character in text.lower() if not _is_punctuation(character))
    articles = _ARTICLES.get(language)
    if articles is not None:
        kept = re.sub(articles, " ", kept)
    if language == "zh":
        kept = _HAN.sub(r" \1 ", kept)
    return " ".join(kept.split())


def score(gold: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> dict[str, float]:
    """`exact_match` and `f1` in percent; `language` is that of the context, or a pair that begins with it (`de-en`).

    See `_overlap.exact_match_and_f1`. Raises `UserError` for a language that MLQA has no rules for.
    """
    return exact_match_and_f1(gold, predictions, _rules(language))


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[str], language: str) -> list[tuple[float, float]]:
    """(F1, 1) for each question; see `metrics.item_scores`."""
    return [(f1, 1) for _, f1 in answer_scores(gold, predictions, _rules(language))]


def check_language(language: str) -> None:
    """Raise UserError for a language, or a pair that begins with it, that MLQA has no rules for."""
    language = language.split("-")[0]
    if language not in _ARTICLES and not _PRIVATE.fullmatch(language):
        how = f"MLQA has rules for {', '.join(sorted(_ARTICLES))}; the metric squad has one rule for every language."
        raise UserError(unknown_name("language of the metric mlqa", language, _ARTICLES, how))


def _rules(language: str) -> Callable[[str], str]:
    check_language(language)
    return partial(normalise, language=language.split("-")[0])
