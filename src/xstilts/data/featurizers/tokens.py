"""Texts -> subword ids, and where the special tokens go around them.

Texts are tokenized without special tokens, all of a chunk in one call and equal texts once; cutting and joining happen on ids.
The result is what the tokenizer itself gives for the text or pair (a test compares them).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from transformers import PreTrainedTokenizerBase

from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits

Ids = list[int]


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Ids]:
    """Subword ids of each text, without special tokens. Equal texts share one list: do not change it."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return []
    encoded = tokenizer(unique, add_special_tokens=False, return_attention_mask=False, verbose=False)
    ids = dict(zip(unique, cast(list[Ids], encoded["input_ids"]), strict=True))
    return [ids[text] for text in texts]


@dataclass(frozen=True)
class Template:
    """The special tokens around one text (`before`, `after`) and around a pair (`before`, `between`, `after`)."""

    before: Ids
    between: Ids
    after: Ids

    def single(self, ids: Ids) -> Ids:
        """One text with its special tokens."""
        return self.before + ids + self.after

    def pair(self, first: Ids, second: Ids) -> Ids:
        """Two texts with their special tokens."""
        return self.before + first + self.between + second + self.after

    def room(self, limits: Limits, pair: bool, least: int) -> int:
        """Subwords of text within `limits.max_length`. Raises UserError if that is fewer than `least`."""
        special = len(self.before) + len(self.after) + (len(self.between) if pair else 0)
        if limits.max_length - special < least:
            raise UserError(
                f"max_length={limits.max_length} is too short for {special} special tokens and {least} or more subwords of text; "
                f"set max_length to {special + least} or more in the recipe"
            )
        return limits.max_length - special


def template(tokenizer: PreTrainedTokenizerBase) -> Template:
    """What the tokenizer puts around a pair: `<s> A </s></s> B </s>` for XLM-R, whose single text is `<s> A </s>`."""
    unknown = cast(str, tokenizer.unk_token)  # a text that every vocabulary knows
    encoded = tokenizer(unknown, unknown)
    ids = cast(Ids, encoded["input_ids"])
    sequences = encoded.sequence_ids(0)
    first = [position for position, sequence in enumerate(sequences) if sequence == 0]
    second = [position for position, sequence in enumerate(sequences) if sequence == 1]
    return Template(before=ids[: first[0]], between=ids[first[-1] + 1 : second[0]], after=ids[second[-1] + 1 :])


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many of `first` and `second` subwords to keep so that `room` holds both: the longer is cut until both are equal."""
    if first + second <= room:
        return first, second
    shorter = min(first, second)
    kept = (shorter, room - shorter) if 2 * shorter <= room else (room // 2, room - room // 2)
    return kept if first <= second else (kept[1], kept[0])
