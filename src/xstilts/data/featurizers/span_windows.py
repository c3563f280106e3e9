"""span_qa: contexts -> tokens with character spans, windows over them, and the positions of the gold answer.

All examples of a chunk at once. Legend: R examples, N tokens of a context, T of all distinct contexts, M of the contexts of all
examples, W windows of all examples, P tokens of all windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers.ragged import RaggedArray, packed
from xstilts.data.featurizers.span_offsets import complete
from xstilts.data.featurizers.tokens import encode, ids_of, unique

BLANKS = ("▁", "Ġ")
"""A word's beginning as SentencePiece and as byte-level BPE write it."""


@dataclass(frozen=True)
class Contexts:
    """The tokenized contexts of R examples; equal contexts are stored once."""

    ids: RaggedArray
    """int32, R rows of N."""
    spans: RaggedArray
    """int32, R rows of (N, 2): the characters [start, end) of each token, without white space before it; a lone `▁` is empty.

    Every visible character between two tokens is in one of them.
    """

    def __getitem__(self, index: np.ndarray) -> "Contexts":
        return Contexts(self.ids[index], self.spans[index])


def contexts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Contexts:
    """The texts, tokenized without special tokens."""
    distinct, number_R = unique(texts)
    encodings = encode(tokenizer, distinct)
    ids = packed(ids_of(encodings), np.fromiter(map(len, encodings), dtype=np.int64))
    offsets = chain.from_iterable(encoding.offsets for encoding in encodings)
    spans_T2 = np.fromiter(chain.from_iterable(offsets), dtype=np.int32).reshape(-1, 2)
    last_T = np.zeros(len(spans_T2), dtype=bool)
    last_T[(ids.starts_R + ids.lengths_R - 1)[ids.lengths_R > 0]] = True
    # If a blank is a token, the tokenizer assigns it the characters of the next token, which would be cut out with it.
    blanks = [number for number in map(tokenizer.convert_tokens_to_ids, BLANKS) if number not in (None, tokenizer.unk_token_id)]
    borrowed_T = np.isin(ids.values_T, blanks) & (spans_T2[:, 0] == np.roll(spans_T2[:, 0], -1)) & ~last_T
    spans_T2[borrowed_T, 1] = spans_T2[borrowed_T, 0]
    complete(distinct, ids.lengths_R, spans_T2)
    return Contexts(ids, RaggedArray(spans_T2, ids.starts_R, ids.lengths_R))[number_R]


def align(spans: RaggedArray, start_R: np.ndarray, end_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last token of each context that share characters with [start, end), int64; -1 and -1 where there is none.

    A lone `▁` before the first belongs to the answer, as it does when the answer is tokenized by itself: `_improve_answer_span`
    of google-research/xtreme third_party/processors/squad.py looks for the same.
    """
    spans_M2, rows = spans.joined(), np.arange(len(spans))
    row_M = np.repeat(rows, spans.lengths_R)
    inside = np.flatnonzero((spans_M2[:, 0] < end_R[row_M]) & (spans_M2[:, 1] > start_R[row_M]))
    begin_R, stop_R = (np.searchsorted(row_M[inside], rows, side=side) for side in ("left", "right"))
    first_R, last_R = np.full(len(rows), -1), np.full(len(rows), -1)
    found = begin_R < stop_R
    base = (np.cumsum(spans.lengths_R) - spans.lengths_R)[found]
    first, last = inside[begin_R[found]], inside[stop_R[found] - 1]
    before_2 = spans_M2[first - 1].T
    first = first - ((first > base) & (before_2[0] == before_2[1]) & (before_2[0] == spans_M2[first, 0]))
    first_R[found], last_R[found] = first - base, last - base
    return first_R, last_R


@dataclass(frozen=True)
class Windows:
    """W windows, those of an example one after the other."""

    row_W: np.ndarray
    """The number of their example."""
    start_W: np.ndarray
    """Their first token, counted in the context."""
    end_W: np.ndarray
    """The token after their last."""


def windows(count_R: np.ndarray, room_R: np.ndarray, step_R: np.ndarray) -> Windows:
    """Windows over `count` tokens: `room` tokens each, their starts `step` apart.

    As in squad.py of XTREME and jiant, the last window is the first that reaches the end. An empty context has one empty window.
    """
    number_R = 1 + -(-np.maximum(count_R - room_R, 0) // step_R)
    row_W = np.repeat(np.arange(len(count_R)), number_R)
    start_W = (np.arange(len(row_W)) - (np.cumsum(number_R) - number_R)[row_W]) * step_R[row_W]
    return Windows(row_W, start_W, np.minimum(start_W + room_R[row_W], count_R[row_W]))


def most_context(cut: Windows, count_R: np.ndarray) -> np.ndarray:
    """Return whether a token of a window has more context there than in any other window, bool (P,): run_squad's rule.

    The score is the smaller of the numbers of tokens left and right of it plus 0.01 times the window's length; of equal scores
    the first window wins.
    """
    sizes_W = cut.end_W - cut.start_W
    window_P = np.repeat(np.arange(len(sizes_W)), sizes_W)
    left_P = np.arange(len(window_P)) - (np.cumsum(sizes_W) - sizes_W)[window_P]
    score_P = np.minimum(left_P, sizes_W[window_P] - 1 - left_P) + 0.01 * sizes_W[window_P]
    token_P = left_P + ((np.cumsum(count_R) - count_R)[cut.row_W] + cut.start_W)[window_P]
    best_M = np.full(int(count_R.sum()), -np.inf)
    np.maximum.at(best_M, token_P, score_P)
    winner_M = np.full(len(best_M), len(sizes_W))
    best = score_P == best_M[token_P]
    np.minimum.at(winner_M, token_P[best], window_P[best])
    return cast(np.ndarray, winner_M[token_P] == window_P)
