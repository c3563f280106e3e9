"""span_qa: contexts -> subwords with character spans, windows over them, and where the gold answer stands.

Legend: N subwords of a context, W windows.
"""

import unicodedata
from dataclasses import dataclass
from typing import cast

import numpy as np
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Context:
    """A tokenized context."""

    ids_N: np.ndarray
    """int32."""
    spans_N2: np.ndarray
    """int32: the characters [start, end) of each subword. They start and end at the subword's text, without the whitespace before
    it; a lone `▁` is empty."""


def contexts(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> dict[str, Context]:
    """The distinct texts, tokenized without special tokens."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    encoded = tokenizer(unique, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False, verbose=False)
    lone = tokenizer.convert_tokens_to_ids("▁")
    tokenized = {}
    for text, ids, spans in zip(unique, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        ids_N = np.array(ids, dtype=np.int32)
        spans_N2 = np.array(spans, dtype=np.int32).reshape(-1, 2)
        if lone != tokenizer.unk_token_id:
            # The tokenizer gives it the characters of the next subword, which would be cut out with it.
            borrowed = np.append((ids_N == lone)[:-1] & (spans_N2[:-1, 0] == spans_N2[1:, 0]), False)[: len(ids_N)]
            spans_N2[borrowed, 1] = spans_N2[borrowed, 0]
        _take_in_marks(text, spans_N2)
        tokenized[text] = Context(ids_N, spans_N2)
    return tokenized


def _take_in_marks(text: str, spans_N2: np.ndarray) -> None:
    """Let each span reach over the combining marks that follow: one that was joined with its letter is in no subword's span."""
    next_N = np.append(spans_N2[1:, 0], len(text))[: len(spans_N2)]
    for number in np.flatnonzero(spans_N2[:, 1] < next_N):
        end = int(spans_N2[number, 1])
        while end < next_N[number] and unicodedata.category(text[end]).startswith("M"):
            end += 1
        spans_N2[number, 1] = end


def align(context: Context, start: int, end: int) -> tuple[int, int] | None:
    """First and last subword that share characters with [start, end), or None.

    A lone `▁` before the first belongs to the answer, as it does when the answer is tokenized by itself: `_improve_answer_span`
    of google-research/xtreme third_party/processors/squad.py looks for just that.
    """
    spans_N2 = context.spans_N2
    inside = np.flatnonzero((spans_N2[:, 0] < end) & (spans_N2[:, 1] > start))
    if not len(inside):
        return None
    first, last = int(inside[0]), int(inside[-1])
    if first and spans_N2[first - 1, 0] == spans_N2[first - 1, 1] == spans_N2[first, 0]:
        first -= 1
    return first, last


def windows(count: int, room: int, step: int) -> np.ndarray:
    """[start, end) of the windows over `count` subwords, int64 (W, 2): `room` subwords each, their starts `step` apart.

    As in squad.py of XTREME and jiant, the last window is the first that reaches the end. An empty context has one empty window.
    """
    starts = [0]
    while starts[-1] + room < count:
        starts.append(starts[-1] + step)
    return np.array([(start, min(start + room, count)) for start in starts])


def most_context(windows_W2: np.ndarray, count: int) -> np.ndarray:
    """For each of `count` subwords the window where it has most context, int64 (N,): run_squad's rule.

    The score is the smaller of the numbers of subwords left and right of it plus 0.01 times the window's length; of equal scores
    the first window wins.
    """
    starts_W1, ends_W1 = windows_W2[:, :1], windows_W2[:, 1:]
    position_N = np.arange(count)
    left_WN, right_WN = position_N - starts_W1, ends_W1 - 1 - position_N
    score_WN = np.minimum(left_WN, right_WN) + 0.01 * (ends_W1 - starts_W1)
    return cast(np.ndarray, np.where((left_WN >= 0) & (right_WN >= 0), score_WN, -np.inf).argmax(axis=0))
