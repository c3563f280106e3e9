"""Run the encoder on the real tokens of a micro-batch only: all rows are concatenated to one row without padding.

Every layer but attention works on each token by itself and needs no padding. For attention the rows are padded and masked again;
on a CPU, rows of similar length at a time, because the cost of attention and of its dropout grows with the square of the length.
On a GPU in half precision, without attention dropout, a kernel for rows of different lengths reads them without padding. The
results are those of the padded pass up to float32 rounding, except for dropout, whose draws depend on the number of positions.

Legend: B rows, L tokens of the longest, T real tokens of all rows, D hidden size, H heads, E size of a head.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from xstilts import encoders

NAME = "xstilts_padding_free"
"""Name of the attention in transformers' registry."""
SPREAD = 1.4
"""Longest by shortest row that attention takes together on a CPU: padded, that is at most twice the pairs of tokens."""
MOST_GROUPS = 8
"""Unsorted rows would make many small groups; attention then takes all rows together."""


@dataclass(frozen=True)
class Layout:
    """The places of the real tokens."""

    mask_BL: Tensor
    """bool: real."""
    places_T: Tensor
    """int64: their places among the B * L of the flattened micro-batch."""
    order_BL: Tensor
    """int64, flat (B * L,): the index among the T of each position's token; arbitrary at padding."""
    starts_B1: Tensor
    """int32 (B + 1,): the start of each row among the T, and the end of the last row."""
    groups: "tuple[Group, ...]" = ()
    """The groups of rows that attention computes together, in order; none: all rows."""

    def without_padding(self, values_BLX: Tensor) -> Tensor:
        """values_TX."""
        return _Without.apply(values_BLX.flatten(0, 1), self)  # type: ignore[no-untyped-call]

    def with_padding(self, values_TX: Tensor) -> Tensor:
        """values_BLX; at padding there is something finite."""
        padded = _With.apply(values_TX, self)  # type: ignore[no-untyped-call]
        return padded.unflatten(0, self.mask_BL.shape)


@dataclass(frozen=True)
class Group:
    """Neighbouring rows of similar length."""

    rows: int
    tokens: int
    """Tokens of all its rows, padding not counted."""
    layout: Layout | None
    """None: they are equally long."""


def layout(attention_mask_BL: Tensor, places_T: Tensor | None = None) -> Layout | None:
    """The layout; None where there is no padding to leave out. `places_T`: as in the Layout; None: they are looked up here."""
    mask_BL = attention_mask_BL.bool()
    if (whole := _layout(mask_BL, places_T)) is None or mask_BL.is_cuda:
        return whole
    lengths = mask_BL.sum(1).tolist()
    sizes, start = _similar(lengths), 0
    if len(sizes) == 1:
        return whole
    groups = []
    for size in sizes:
        of_rows = slice(start, start + size)
        groups.append(Group(size, sum(lengths[of_rows]), _layout(mask_BL[of_rows, : max(lengths[of_rows])])))
        start += size
    return replace(whole, groups=tuple(groups))


def _layout(mask_BL: Tensor, places_T: Tensor | None = None) -> Layout | None:
    if places_T is None:
        places_T = mask_BL.flatten().nonzero().squeeze(1)
    if len(places_T) == mask_BL.numel():
        return None
    order_BL = (mask_BL.flatten().cumsum(0) - 1).clamp_(min=0)
    starts_B1 = nn.functional.pad(mask_BL.sum(1).cumsum(0), (1, 0)).int()
    return Layout(mask_BL, places_T, order_BL, starts_B1)


def _similar(lengths: list[int]) -> list[int]:
    """Return the number of rows in each group."""
    sizes: list[int] = []
    shortest = longest = 0
    for length in lengths:
        low, high = min(shortest, length), max(longest, length)
        if sizes and high <= SPREAD * low:
            sizes[-1] += 1
            shortest, longest = low, high
        else:
            sizes.append(1)
            shortest = longest = length
    return sizes if len(sizes) <= MOST_GROUPS else [len(lengths)]


class _Without(torch.autograd.Function):
    """Both ways are plain look-ups, in the backward pass too: nothing is added up, so the order of threads cannot show."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, where: Layout) -> Tensor:
        ctx.where = where
        return values.index_select(0, where.places_T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        where: Layout = ctx.where
        padded = gradient.index_select(0, where.order_BL)
        return padded.masked_fill_(~where.mask_BL.flatten().view(-1, *[1] * (padded.dim() - 1)), 0), None


class _With(torch.autograd.Function):
    """Restore the padded shape. No loss reads the values at padding, so their gradient is 0."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, where: Layout) -> Tensor:
        ctx.where = where
        return values.index_select(0, where.order_BL)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.index_select(0, ctx.where.places_T), None


def possible(backbone: PreTrainedModel) -> bool:
    """Return whether an encoder of this type can be run so, with SDPA attention."""
    return encoders.family(backbone.config.model_type).padding_free


def prepare(backbone: PreTrainedModel) -> None:
    """Let the encoder accept a `layout`; without it the encoder works as before."""
    backbone.set_attn_implementation(NAME)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    layout: Layout | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """query, key, value: (1, H, T, E) with a layout; the result (1, T, H, E)."""
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    query_THE, key_THE, value_THE = (states[0].transpose(0, 1) for states in (query, key, value))
    if dropout == 0.0 and query.is_cuda and query.dtype in (torch.float16, torch.bfloat16):
        starts, longest = layout.starts_B1, layout.mask_BL.shape[1]
        mixed = varlen_attn(
            query_THE.contiguous(), key_THE.contiguous(), value_THE.contiguous(), starts, starts, longest, longest, scale=scaling
        )
        assert isinstance(mixed, Tensor)
        return mixed[None], None
    groups = layout.groups or (Group(len(layout.mask_BL), len(query_THE), layout),)
    sizes = [group.tokens for group in groups]
    split = zip(groups, *(torch.split(states_THE, sizes) for states_THE in (query_THE, key_THE, value_THE)), strict=True)
    return torch.cat([_of_group(group, states, dropout, scaling) for group, *states in split])[None], None


def _of_group(group: Group, states_THE: list[Tensor], dropout: float, scaling: float | None) -> Tensor:
    """mixed_THE of query, key and value."""
    where = group.layout
    query, key, value = (
        (torch.unflatten(states, 0, (group.rows, -1)) if where is None else where.with_padding(states)).transpose(1, 2)
        for states in states_THE
    )
    mask = None if where is None else where.mask_BL[:, None, None, :]
    mixed_BLHE = nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling
    ).transpose(1, 2)
    return mixed_BLHE.flatten(0, 1) if where is None else where.without_padding(mixed_BLHE)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
