"""Completes the character spans of tokens: every visible character between two tokens is in the span of one of them.

A tokenizer's offsets leave characters out in two cases. Its normaliser joins a character with the one before it (decomposed
Hangul, half-width kana with a voicing mark, a letter and its accent), and the offsets hold the first one only. Or its
pre-tokenizer cuts characters off: that of RobBERT loses the first letter of a word.

Legend: T tokens of all texts, positions counted in all texts one after the other.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
"""Format characters that belong to the letter or emoji before them: ZWNJ, ZWJ, and the tags of flags."""
_COMPOSED = 3
"""Characters that can go before the last one of a composed character: two of a Hangul syllable, and one more to be safe."""


def complete(texts: Sequence[str], lengths: np.ndarray, spans_T2: np.ndarray) -> None:
    """Complete the spans in place. `lengths`: the tokens of each text."""
    if not len(spans_T2):
        return
    text = "".join(texts)
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    begin_T, stop_T = (np.repeat(values, lengths) for values in (np.cumsum(sizes) - sizes, np.cumsum(sizes)))  # of the text
    start_T, end_T = spans_T2.T + begin_T
    _move_empty(start_T, end_T, begin_T, stop_T)
    covered_T = np.maximum(np.append(0, np.maximum.accumulate(end_T)[:-1]), begin_T)
    seen = np.append(0, np.cumsum(_visible(text)))  # visible characters before a position
    owner_T = _last_with_text(start_T, end_T)
    for token in np.flatnonzero(seen[np.maximum(start_T, covered_T)] > seen[covered_T]).tolist():
        gap, stop, owner = int(covered_T[token]), int(start_T[token]), int(owner_T[token])
        if end_T[owner] == gap > begin_T[token]:
            gap = end_T[owner] = _end_of_continuation(text, gap, stop, seen)
        start_T[token] = next((place for place in range(gap, stop) if seen[place + 1] > seen[place]), stop)
    is_last_T = np.append(np.diff(stop_T) > 0, True)
    for token in np.flatnonzero(is_last_T & (start_T < end_T) & (end_T < stop_T)).tolist():
        end_T[token] = _end_of_run(int(end_T[token]), int(stop_T[token]), seen)
    spans_T2[:, 0], spans_T2[:, 1] = start_T - begin_T, end_T - begin_T


def _move_empty(start_T: np.ndarray, end_T: np.ndarray, begin_T: np.ndarray, stop_T: np.ndarray) -> None:
    """Put empty spans between those of their neighbours, in place.

    The offset of RobBERT's blank is behind the character that follows it.
    """
    empty_T = start_T >= end_T
    before_T = np.maximum(np.maximum.accumulate(np.where(empty_T, 0, end_T)), begin_T)
    after_T = np.minimum(np.minimum.accumulate(np.where(empty_T, stop_T[-1], start_T)[::-1])[::-1], stop_T)
    start_T[empty_T] = np.minimum(np.maximum(start_T, before_T), after_T)[empty_T]
    end_T[empty_T] = start_T[empty_T]


def _last_with_text(start_T: np.ndarray, end_T: np.ndarray) -> np.ndarray:
    """The last token before each token that has characters; the first token if there is none."""
    filled_T = np.where(start_T < end_T, np.arange(len(end_T)), 0)
    return np.append(0, np.maximum.accumulate(filled_T)[:-1])


def _visible(text: str) -> np.ndarray:
    """Return whether each character is none of white space, control and format characters; joiners count as visible."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    visible = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
    for code in np.flatnonzero(np.bincount(codes)).tolist():
        character = chr(code)
        blank = character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
        visible[code] = character in _JOINERS or not blank
    return visible[codes]


def _end_of_continuation(text: str, gap: int, stop: int, seen: np.ndarray) -> int:
    """The end of the characters of a gap that belong to the token before it.

    They are all up to white space, if there is any; else those that continue its last character.
    """
    if seen[stop] - seen[gap] < stop - gap:
        return _end_of_run(gap, stop, seen)
    return next((place for place in range(gap, stop) if not _continues(text, place)), stop)


def _end_of_run(start: int, stop: int, seen: np.ndarray) -> int:
    """The first position from `start` on whose character is not visible."""
    return next((place for place in range(start, stop) if seen[place + 1] == seen[place]), stop)


def _continues(text: str, place: int) -> bool:
    """Return whether the character belongs to the one before it: a mark, a joiner, or one that Unicode composes with it."""
    character, before = text[place], text[max(0, place - _COMPOSED) : place]
    if character in _JOINERS or unicodedata.category(character).startswith("M"):
        return True
    whole, part = (unicodedata.normalize("NFKC", piece) for piece in (before + character, before))
    return len(whole) <= len(part)
