"""Attention with dropout on a CPU, as one function with a backward pass.

torch's own attention has a fast kernel on a CPU only without dropout. With it, it multiplies in float32, whatever the precision,
draws a random number of 64 bits for each score, and looks through all scores for rows without any key.

Legend: B rows, H heads, N = B * H, Q queries, K keys, E size of a head.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from xstilts.models import dropout

AT_ONCE = 1 << 18
"""Scores that are worked on together: few enough for a processor's cache."""


def attention(
    query_BHQE: Tensor, key_BHKE: Tensor, value_BHKE: Tensor, mask_B11K: Tensor | None, probability: float, scale: float | None
) -> Tensor:
    """mixed_BHQE. `mask_B11K`: bool, the keys that count; None: all. `scale`: of the scores; None: E ** -0.5.

    Without dropout, on a GPU or where it is compiled, it is torch's.
    """
    query, key, value = query_BHQE, key_BHKE, value_BHKE
    if not probability or query.device.type != "cpu" or torch.compiler.is_compiling():
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask_B11K, dropout_p=probability, scale=scale)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else query.dtype
    rows_heads, bias = query.shape[:2], None
    if mask_B11K is not None:
        bias_B11K = torch.zeros(mask_B11K.shape, dtype=dtype).masked_fill_(~mask_B11K, -torch.inf)
        bias = bias_B11K.expand(*rows_heads, 1, -1).flatten(0, 1)
    states = [part.to(dtype).flatten(0, 1) for part in (query, key, value)]
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    mixed_NQE: Tensor = _Attention.apply(*states, bias, probability, scale)  # type: ignore[no-untyped-call]
    return mixed_NQE.view(*rows_heads, *mixed_NQE.shape[1:])


class _Attention(torch.autograd.Function):
    """dropout(softmax(scale * query @ key.T + bias)) @ value, of shape (N, Q, E).

    query (N, Q, E), key and value (N, K, E), bias (N, 1, K) or None. All have one dtype, in which the products are
    computed; a softmax is computed in float32 and rounded to it.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, probability: float, scale: float
    ) -> Tensor:
        query = query * scale
        weights = query.new_empty(query.shape[0], query.shape[1], key.shape[1])
        mixed = torch.empty_like(query)
        keep, factor = dropout.draw(weights.shape, probability)
        for part in _parts(weights):
            scores = torch.bmm(query[part], key[part].mT)
            if bias is not None:
                scores += bias[part]
            torch.softmax(scores, -1, out=weights[part])
            torch.bmm(torch.mul(weights[part], keep[part].to(scores.dtype), out=scores), value[part], out=mixed[part])
        mixed *= factor
        ctx.save_for_backward(query, key, value, weights, keep, mixed)
        ctx.factor, ctx.scale = factor, scale
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, keep, mixed = ctx.saved_tensors
        # The gradient of a softmax subtracts the sum over the keys of weight * its gradient: that of mixed * its gradient.
        total = (gradient * mixed).sum(-1, keepdim=True)
        gradient = gradient * ctx.factor
        of_query, of_key, of_value = (torch.empty_like(states) for states in (query, key, value))
        for part in _parts(weights):
            kept = keep[part].to(weights.dtype)
            of_scores = torch.bmm(gradient[part], value[part].mT).mul_(kept).sub_(total[part]).mul_(weights[part])
            torch.bmm(of_scores, key[part], out=of_query[part])
            torch.bmm(of_scores.mT, query[part], out=of_key[part])
            torch.bmm(kept.mul_(weights[part]).mT, gradient[part], out=of_value[part])
        return of_query.mul_(ctx.scale), of_key, of_value, None, None, None


def _parts(weights: Tensor) -> list[slice]:
    count = max(1, AT_ONCE // (weights.shape[1] * weights.shape[2]))
    return [slice(start, start + count) for start in range(0, weights.shape[0], count)]
