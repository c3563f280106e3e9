"""Dropout that is cheap to draw on a CPU.

torch draws a random number of 64 bits for each place. Here 16 bits decide over a place, so a random number serves four of them.
The share of places that are dropped is the multiple of 2**-16 nearest to the probability (0.1: 0.1000061), and the places that
are kept are scaled by the inverse of exactly their share. The random numbers come from torch's default generator, so its seeds
and states determine them, as they do for torch's own dropout; the draws differ from those.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LEVELS = 1 << 16
"""Values of the 16 bits that decide over a place."""


def draw(shape: Sequence[int], probability: float) -> tuple[Tensor, float]:
    """Draw the places to keep, int8 of this shape: 1 kept, 0 dropped; and the factor that restores the expectation."""
    dropped = min(round(probability * LEVELS), LEVELS - 1)
    places = torch.Size(shape).numel()
    words = torch.empty(-(-places // 4), dtype=torch.int64).random_(-(1 << 63), None)
    bits = words.view(torch.int16)[:places].view(torch.Size(shape))
    return bits.ge_(dropped - LEVELS // 2).to(torch.int8), LEVELS / (LEVELS - dropped)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, probability: float) -> Tensor:
        keep, ctx.factor = draw(values.shape, probability)
        ctx.save_for_backward(keep)
        return (values * keep.to(values.dtype)).mul_(ctx.factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return (gradient * keep.to(gradient.dtype)).mul_(ctx.factor), None


class Dropout(nn.Dropout):
    """An `nn.Dropout` that draws by `draw` on a CPU."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0 or input.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(input)
        dropped: Tensor = _Drop.apply(input, self.p)  # type: ignore[no-untyped-call]
        return dropped


def use(model: nn.Module) -> None:
    """Replace each `nn.Dropout` of the model, which has no weights, by a `Dropout`."""
    for module in model.modules():
        for name, part in module.named_children():
            if type(part) is nn.Dropout and not part.inplace:
                setattr(module, name, Dropout(part.p))
