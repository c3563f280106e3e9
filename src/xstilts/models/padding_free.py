"""The encoder over the real subwords of a micro-batch only: all rows end to end, as one row without padding.

Every layer but attention works on each subword by itself, so that padding need not be there. For attention the rows are laid side
by side again, padding masked as ever; on a GPU in half precision, where attention drops nothing, a kernel for rows of different
lengths takes them as they lie. The numbers are those of the padded pass to float32 rounding; what dropout draws is not, because
that depends on how many places there are to draw for.

Legend: B rows, L subwords of the longest, T real subwords of all rows, D hidden size, H heads, E size of a head.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "xstilts_padding_free"
"""Of the attention, in transformers' registry."""
POSITIONS_GIVEN = ("bert", "camembert", "roberta", "xlm-roberta", "xlm-roberta-xl")
"""Types of encoders in which a subword's place shows in its position embedding and nowhere else."""


@dataclass(frozen=True)
class Layout:
    """Where the real subwords are."""

    mask_BL: Tensor
    """bool: real."""
    places_T: Tensor
    """int64: their places among the B * L of the flattened micro-batch."""
    order_BL: Tensor
    """int64, flat (B * L,): which of the T stands at a place; any one where there is padding."""
    starts_B1: Tensor
    """int32 (B + 1,): where each row starts among the T, and where the last one ends."""

    def without_padding(self, values_BLX: Tensor) -> Tensor:
        """values_TX."""
        return _Without.apply(values_BLX.flatten(0, 1), self)  # type: ignore[no-untyped-call]

    def with_padding(self, values_TX: Tensor) -> Tensor:
        """values_BLX; at padding there is something finite."""
        padded = _With.apply(values_TX, self)  # type: ignore[no-untyped-call]
        return padded.unflatten(0, self.mask_BL.shape)


def layout(attention_mask_BL: Tensor) -> Layout | None:
    """The layout; None where there is no padding to leave out."""
    mask_BL = attention_mask_BL.bool()
    places_T = mask_BL.flatten().nonzero().squeeze(1)
    if len(places_T) == mask_BL.numel():
        return None
    order_BL = (mask_BL.flatten().cumsum(0) - 1).clamp_(min=0)
    starts_B1 = nn.functional.pad(mask_BL.sum(1).cumsum(0), (1, 0)).int()
    return Layout(mask_BL, places_T, order_BL, starts_B1)


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
    """The way back; what is at padding must reach no loss, so its gradient is nothing."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, where: Layout) -> Tensor:
        ctx.where = where
        return values.index_select(0, where.order_BL)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.index_select(0, ctx.where.places_T), None


def possible(backbone: PreTrainedModel) -> bool:
    """Whether this encoder can be run so: it is of a type that is known, and its attention is torch's."""
    return backbone.config.model_type in POSITIONS_GIVEN and backbone.config._attn_implementation == "sdpa"


def prepare(backbone: PreTrainedModel) -> None:
    """Let the encoder take a `layout`; without one it does what it did."""
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
    query_BHLE, key_BHLE, value_BHLE = (
        layout.with_padding(states_THE).transpose(1, 2) for states_THE in (query_THE, key_THE, value_THE)
    )
    mixed_BHLE = nn.functional.scaled_dot_product_attention(
        query_BHLE, key_BHLE, value_BHLE, attn_mask=layout.mask_BL[:, None, None, :], dropout_p=dropout, scale=scaling
    )
    return layout.without_padding(mixed_BHLE.transpose(1, 2))[None], None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
