"""Attention with dropout on a CPU: the numbers of the formula, forward and backward, for any draw."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from xstilts.models import cpu_attention, dropout

ROWS, HEADS, SIZE = 3, 2, 4


def states(queries: int, keys: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """query, key and value."""
    torch.manual_seed(0)
    return [torch.randn(ROWS, HEADS, length, SIZE, dtype=dtype, requires_grad=True) for length in (queries, keys, keys)]


def formula(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, probability: float, scale: float) -> Tensor:
    scores = scale * query @ key.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    keep, factor = dropout.draw((ROWS * HEADS, *scores.shape[2:]), probability)
    return (torch.softmax(scores, -1) * keep.view(scores.shape) * factor) @ value


@pytest.mark.parametrize("queries", [5, 1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("at_once", [1, 60, 1 << 18])
def test_values_and_gradients_are_those_of_the_formula(
    queries: int, masked: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_attention, "AT_ONCE", at_once)
    mask = (torch.arange(5) < torch.tensor([5, 3, 1])[:, None])[:, None, None] if masked else None
    weights = torch.randn(ROWS, HEADS, queries, SIZE, dtype=torch.float64)
    found = []
    for compute in (cpu_attention.attention, formula):
        given = states(queries, 5)
        torch.manual_seed(3)
        mixed = compute(*given, mask, 0.3, 0.7)
        (mixed * weights).sum().backward()
        found.append([mixed.detach(), *(part.grad for part in given)])
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted)


def test_without_dropout_it_is_that_of_torch() -> None:
    given = states(5, 5)
    assert torch.equal(cpu_attention.attention(*given, None, 0.0, None), functional.scaled_dot_product_attention(*given))


def test_its_mean_over_draws_is_the_value_without_dropout() -> None:
    given = [part.detach() for part in states(5, 5, torch.float32)]
    torch.manual_seed(0)
    mean = torch.stack([cpu_attention.attention(*given, None, 0.2, None) for _ in range(2000)]).mean(0)
    torch.testing.assert_close(mean, functional.scaled_dot_product_attention(*given), rtol=0, atol=0.06)


def test_in_mixed_precision_it_computes_in_bfloat16() -> None:
    exact, given = (states(5, 5, torch.float32) for _ in range(2))
    torch.manual_seed(0)
    wanted = cpu_attention.attention(*exact, None, 0.3, None)
    wanted.sum().backward()
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        got = cpu_attention.attention(*given, None, 0.3, None)
    got.float().sum().backward()
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), wanted, rtol=0.03, atol=0.03)
    for part, other in zip(given, exact, strict=True):
        assert part.grad is not None and other.grad is not None and part.grad.dtype == torch.float32
        torch.testing.assert_close(part.grad, other.grad, rtol=0.05, atol=0.05)
