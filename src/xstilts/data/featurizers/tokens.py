"""Texts -> token ids, and the special tokens around them.

Texts are tokenized without special tokens, all of a chunk in one call and equal texts once; cutting and joining happen on ids.
The result equals the tokenizer's for the text or pair (a test compares them).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers.ragged import RaggedArray, constant, packed, side_by_side
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits

Ids = list[int]
GROUP = 2000
"""Characters that are passed to the tokenizer in one call, as the words of one text. A call costs as much as a word or two."""


def unique(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The distinct texts in the order of their first occurrence, and of each text its number among them, int64."""
    number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return list(number), np.fromiter(map(number.__getitem__, texts), dtype=np.int64, count=len(texts))


def encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str] | Sequence[list[str]], words: bool = False) -> list[Encoding]:
    """The texts as the tokenizer splits them, whole and without special tokens. `words`: each text is a list of words."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # an earlier call may have set it
    backend.no_padding()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return cast(list[Encoding], backend.encode_batch(texts, is_pretokenized=words, add_special_tokens=False))


def ids_of(encodings: Sequence[Encoding]) -> np.ndarray:
    """The token ids of all encodings, one after the other, int32."""
    return np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), dtype=np.int32)


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> RaggedArray:
    """Token ids of each text, int32, without special tokens."""
    distinct, number_R = unique(texts)
    # A list of words is tokenized word by word: short texts of a list go through a single call and give what each gives alone.
    size = max(1, GROUP * len(distinct) // (1 + sum(map(len, distinct))))
    groups = [distinct[first : first + size] for first in range(0, len(distinct), size)]
    encodings = encode(tokenizer, groups, words=True)
    lengths = [
        np.bincount(np.array(encoding.word_ids, dtype=np.int64), minlength=len(group))
        for group, encoding in zip(groups, encodings, strict=True)
    ]
    return packed(ids_of(encodings), np.concatenate([np.zeros(0, dtype=np.int64), *lengths]))[number_R]


@dataclass(frozen=True)
class Template:
    """The special tokens around one text (`before`, `after`) and around a pair (`before`, `between`, `after`)."""

    before: Ids
    between: Ids
    after: Ids
    first_segment: int | None = None
    """Number of `between` in the first segment, as in BERT (the rest and `after` to the second); None: one segment."""

    def single(self, rows: RaggedArray) -> RaggedArray:
        """Texts with their special tokens."""
        return side_by_side(_repeated(self.before, len(rows)), rows, _repeated(self.after, len(rows)))

    def pair(self, first: RaggedArray, second: RaggedArray, paired_R: np.ndarray | None = None) -> RaggedArray:
        """Pairs of texts with their special tokens; where `paired_R` is false, the first text alone."""
        between = _repeated(self.between, len(first))
        if paired_R is not None:
            between, second = (rows.cut(np.where(paired_R, rows.lengths_R, 0)) for rows in (between, second))
        return side_by_side(_repeated(self.before, len(first)), first, between, second, _repeated(self.after, len(first)))

    def second_segment(self, first: RaggedArray, paired_R: np.ndarray | None = None) -> np.ndarray:
        """The start of the second segment of each pair, int64 (R,); 0: all tokens are in the first."""
        if self.first_segment is None:
            return np.zeros(len(first), dtype=np.int64)
        starts_R = len(self.before) + first.lengths_R + self.first_segment
        return starts_R if paired_R is None else np.where(paired_R, starts_R, 0)

    def room(self, limits: Limits, pair: bool, least: int) -> int:
        """Tokens of text within `limits.max_length`. Raises UserError if that is fewer than `least`."""
        special = len(self.before) + len(self.after) + (len(self.between) if pair else 0)
        if limits.max_length - special < least:
            raise UserError(
                f"max_length={limits.max_length} is too short for {special} special tokens and {least} or more tokens of text; "
                f"set max_length to {special + least} or more in the recipe"
            )
        return limits.max_length - special


def _repeated(ids: Ids, count: int) -> RaggedArray:
    return constant(np.array(ids, dtype=np.int32), np.full(count, len(ids)))


def template(tokenizer: PreTrainedTokenizerBase) -> Template:
    """The special tokens around a pair: `<s> A </s></s> B </s>` for XLM-R, whose single text is `<s> A </s>`.

    Raises UserError for a tokenizer that gives no token for any text that is tried.
    """
    text = _any_text(tokenizer)
    encoded = tokenizer(text, text)
    ids = cast(Ids, encoded["input_ids"])
    sequences = encoded.sequence_ids(0)
    first = [position for position, sequence in enumerate(sequences) if sequence == 0]
    second = [position for position, sequence in enumerate(sequences) if sequence == 1]
    segments = encoded.encodings[0].type_ids
    opens = segments.index(1) if 1 in segments else 0
    two = first[-1] < opens <= second[0] and segments == [0] * opens + [1] * (len(ids) - opens)
    return Template(
        before=ids[: first[0]],
        between=ids[first[-1] + 1 : second[0]],
        after=ids[second[-1] + 1 :],
        first_segment=opens - first[-1] - 1 if two else None,
    )


def _any_text(tokenizer: PreTrainedTokenizerBase) -> str:
    """A text with one token or more: the unknown token, which some tokenizers lack, or a plain character."""
    for text in (tokenizer.unk_token, "a", "1", "."):
        if text and encode(tokenizer, [text])[0].ids:
            return cast(str, text)
    raise UserError(
        f"the tokenizer '{tokenizer.name_or_path}' has no unknown token and no token for 'a', '1' or '.': "
        "choose another one with model.tokenizer=FOLDER"
    )


def longest_first(first_R: np.ndarray, second_R: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of `first_R` and `second_R` tokens to keep so that both fit `room`: the longer is cut until both are equal."""
    shorter_R = np.minimum(np.minimum(first_R, second_R), room // 2)
    fits_R, first_is_shorter_R = first_R + second_R <= room, first_R <= second_R
    return (
        np.where(fits_R, first_R, np.where(first_is_shorter_R, shorter_R, room - shorter_R)),
        np.where(fits_R, second_R, np.where(first_is_shorter_R, room - shorter_R, shorter_R)),
    )
