"""Run the encoder on the real tokens of a micro-batch only: all rows are concatenated to one row without padding.

Every layer but attention works on each token by itself and needs no padding. For attention the rows are padded and masked again;
on a CPU, rows of similar length at a time, because the cost of attention and of its dropout grows with the square of the length.
On a GPU in half precision, without attention dropout, a kernel for rows of different lengths reads them without padding. Where
only the first token of each row is read, as in classification, the last layer computes keys and values of all tokens, and the
rest for the first tokens. The results are those of the padded pass up to rounding, except for dropout, whose draws depend on the
number of positions.

Legend: B rows, L tokens of the longest, T real tokens of all rows, D hidden size, H heads, E size of a head; Q queries, T or B.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from xstilts import encoders
from xstilts.models.cpu_attention import attention

NAME = "xstilts_padding_free"
"""Name of the attention in transformers' registry."""
GROUP = 4096
"""Pairs of tokens that take a CPU about as long as it takes to begin a further group of rows."""


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
    groups: "tuple[Layout, ...]" = ()
    """Neighbouring rows of similar length that attention computes together, in order; none: all rows."""
    only_first: bool = False
    """True if only the first token of each row is read after the last layer."""
    context_1TD: Tensor | None = None
    """Hidden states that keys and values are computed from, where there are queries for the first tokens only."""

    @property
    def padded(self) -> bool:
        """Return whether there is any padding."""
        return len(self.places_T) < self.mask_BL.numel()

    def without_padding(self, values_BLX: Tensor) -> Tensor:
        """values_TX."""
        values = values_BLX.flatten(0, 1)
        return _Without.apply(values, self) if self.padded else values  # type: ignore[no-untyped-call]

    def with_padding(self, values_TX: Tensor) -> Tensor:
        """values_BLX; at padding there is something finite."""
        padded = _With.apply(values_TX, self) if self.padded else values_TX  # type: ignore[no-untyped-call]
        return cast(Tensor, padded.unflatten(0, self.mask_BL.shape))

    def rows(self, hidden_TD: Tensor) -> Tensor:
        """hidden_BLD of a layer's hidden states; hidden_B1D if only the first tokens are read."""
        if not self.only_first:
            return self.with_padding(hidden_TD)
        rows = len(self.mask_BL)
        return (hidden_TD if len(hidden_TD) == rows else hidden_TD.index_select(0, self.starts_B1[:-1]))[:, None]


def layout(attention_mask_BL: Tensor, places_T: Tensor | None = None, only_first: bool = False) -> Layout:
    """The layout. `places_T`: as in the Layout; None: they are looked up here."""
    mask_BL = attention_mask_BL.bool()
    whole = replace(_layout(mask_BL, places_T), only_first=only_first)
    if mask_BL.is_cuda:
        return whole
    lengths = mask_BL.sum(1).tolist()
    if len(sizes := _similar(lengths)) == 1:
        return whole
    groups, start = [], 0
    for size in sizes:
        of_rows = slice(start, start + size)
        groups.append(_layout(mask_BL[of_rows, : max(lengths[of_rows])]))
        start += size
    return replace(whole, groups=tuple(groups))


def _layout(mask_BL: Tensor, places_T: Tensor | None = None) -> Layout:
    if places_T is None:
        places_T = mask_BL.flatten().nonzero().squeeze(1)
    order_BL = (mask_BL.flatten().cumsum(0) - 1).clamp_(min=0)
    starts_B1 = nn.functional.pad(mask_BL.sum(1).cumsum(0), (1, 0)).int()
    return Layout(mask_BL, places_T, order_BL, starts_B1)


def _similar(lengths: list[int]) -> list[int]:
    """Return the number of rows in each group. A row joins the group before it unless its padding costs more than a group."""
    sizes: list[int] = []
    longest = 0
    for length in lengths:
        most = max(longest, length)
        if sizes and (sizes[-1] + 1) * most**2 - sizes[-1] * longest**2 - length**2 <= GROUP:
            sizes[-1] += 1
            longest = most
        else:
            sizes.append(1)
            longest = length
    return sizes


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
    if encoders.family(backbone.config.model_type).plain_stack:
        last = cast(Any, backbone.encoder).layer[-1]
        last.register_forward_pre_hook(_queries_of_first_tokens, with_kwargs=True)


def _queries_of_first_tokens(
    layer: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Let the layer compute only the first tokens, where nothing else is read; `_attention` has the others as context."""
    where: Layout | None = options.get("layout")
    if where is None or not where.only_first or not arguments or torch.compiler.is_compiling():
        return None
    hidden_1TD, *others = arguments
    first_1BD = hidden_1TD.index_select(1, where.starts_B1[:-1])
    return (first_1BD, *others), options | {"layout": replace(where, context_1TD=hidden_1TD)}


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
    """query, key, value: (1, H, Q, E) with a layout; the result (1, Q, H, E)."""
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    query_QHE, key_THE, value_THE = (states[0].transpose(0, 1) for states in (query, key, value))
    starts_B1 = queries_B1 = layout.starts_B1
    longest = most = layout.mask_BL.shape[1]
    if layout.context_1TD is not None:
        shape = (layout.context_1TD.shape[1], *key_THE.shape[1:])
        key_THE, value_THE = (cast(nn.Module, layer)(layout.context_1TD).view(shape) for layer in (module.key, module.value))
        queries_B1, most = torch.arange(len(starts_B1), dtype=torch.int32, device=starts_B1.device), 1
    if dropout == 0.0 and query.is_cuda and query.dtype in (torch.float16, torch.bfloat16):
        states = (query_QHE.contiguous(), key_THE.contiguous(), value_THE.contiguous())
        mixed = varlen_attn(*states, queries_B1, starts_B1, most, longest, scale=scaling)
        assert isinstance(mixed, Tensor)
        return mixed[None], None
    groups = layout.groups or (layout,)
    tokens = [len(group.places_T) for group in groups]
    queries = tokens if layout.context_1TD is None else [len(group.mask_BL) for group in groups]
    split = zip(
        groups, torch.split(query_QHE, queries), torch.split(key_THE, tokens), torch.split(value_THE, tokens), strict=True
    )
    return torch.cat([_of_group(group, states, dropout, scaling) for group, *states in split])[None], None


def _of_group(group: Layout, states: list[Tensor], dropout: float, scaling: float | None) -> Tensor:
    """mixed_QHE of query_QHE, key_THE and value_THE."""
    rows = len(group.mask_BL)
    of_first = len(states[0]) < len(states[1])
    query, key, value = (
        (part.view(rows, 1, *part.shape[1:]) if of_first and part is states[0] else group.with_padding(part)).transpose(1, 2)
        for part in states
    )
    mask = group.mask_BL[:, None, None, :] if group.padded else None
    mixed_BLHE = attention(query, key, value, mask, dropout, scaling).transpose(1, 2)
    return mixed_BLHE.flatten(0, 1) if of_first else group.without_padding(mixed_BLHE)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
