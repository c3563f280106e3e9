"""Rows of different lengths -> one padded tensor. Legend: B rows, L the longest row's length."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xstilts.data.featurizers.special import SpecialTokens

Batch = dict[str, Tensor | list[list[int]]]
"""input_ids, attention_mask, perhaps token_type_ids, and a head's targets."""


def padded(rows: Sequence[Sequence[int] | np.ndarray], fill: int) -> Tensor:
    """int64 (B, L): the rows, filled up on the right with `fill`."""
    matrix_BL = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype=np.int64)
    for number, row in enumerate(rows):
        matrix_BL[number, : len(row)] = row
    return torch.from_numpy(matrix_BL)


def inputs(rows: Sequence[Sequence[int] | np.ndarray], special: SpecialTokens, segments: Sequence[int] = ()) -> Batch:
    """`input_ids` and `attention_mask` (0 on padding), int64 (B, L). The mask comes from the lengths, not from the ids.

    `segments`: of each row the token from which segment ids are 1, or 0. They become `token_type_ids`, int64 (B, L), where the
    tokenizer gives those and some are 1.
    """
    lengths_B1 = torch.tensor([[len(row)] for row in rows])
    input_ids_BL = padded(rows, special.pad_id)
    attention_mask_BL = (torch.arange(input_ids_BL.shape[1]) < lengths_B1).long()
    batch: Batch = {"input_ids": input_ids_BL, "attention_mask": attention_mask_BL}
    if special.segments and any(segments):
        starts_B1 = torch.tensor(segments)[:, None]
        second_BL = (torch.arange(input_ids_BL.shape[1]) >= starts_B1) & (starts_B1 > 0)
        batch["token_type_ids"] = second_BL * attention_mask_BL
    return batch
