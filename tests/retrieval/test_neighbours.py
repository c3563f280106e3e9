from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from xstilts.retrieval import neighbours
from xstilts.retrieval.neighbours import nearest, nearest_both_ways


def small_integers(rows: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.int64, (rows, columns), elements=st.integers(-2, 2))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    """Vectors of small integers: many inner products are equal, and all are exact."""
    columns = draw(st.integers(1, 3))
    queries, index = (draw(small_integers(draw(st.integers(1, 12)), columns)) for _ in range(2))
    return torch.tensor(queries, dtype=torch.float32), torch.tensor(index, dtype=torch.float32), draw(st.integers(1, 14))


def brute_force(queries: Tensor, index: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = queries.numpy() @ index.numpy().T
    positions = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, positions, axis=1), positions


@settings(deadline=None)
@given(problems(), st.integers(1, 13))
def test_equals_brute_force_for_any_chunks(problem: tuple[Tensor, Tensor, int], chunk_rows: int) -> None:
    scores, positions = nearest(*problem, chunk_rows=chunk_rows)
    expected_scores, expected_positions = brute_force(*problem)
    assert scores.dtype == torch.float32 and positions.dtype == torch.int64
    np.testing.assert_array_equal(positions.numpy(), expected_positions)
    np.testing.assert_array_equal(scores.numpy(), expected_scores)


@st.composite
def many_groups(draw: st.DrawFn) -> tuple[Tensor, Tensor, int]:
    """Return sides that are long enough to choose groups of two from."""
    columns, seed = draw(st.integers(1, 3)), draw(st.integers(0, 10**6))
    generator = torch.Generator().manual_seed(seed)
    largest = draw(st.integers(0, 2))  # 0: all scores are equal
    sides = [torch.randint(-largest, largest + 1, (draw(st.integers(0, 40)), columns), generator=generator) for _ in range(2)]
    return sides[0].float(), sides[1].float(), draw(st.integers(1, 5))


@settings(deadline=None)
@given(many_groups(), st.integers(3, 45), st.sampled_from([2, 3, 32]))
def test_groups_change_nothing(problem: tuple[Tensor, Tensor, int], chunk_rows: int, group: int) -> None:
    with mock.patch.object(neighbours, "GROUP", group):
        scores, positions = nearest(*problem, chunk_rows=chunk_rows)
    expected_scores, expected_positions = brute_force(*problem)
    np.testing.assert_array_equal(positions.numpy(), expected_positions)
    np.testing.assert_array_equal(scores.numpy(), expected_scores)


@settings(deadline=None)
@given(many_groups(), st.integers(3, 45), st.sampled_from([2, 3, 32]))
def test_both_ways_at_once_are_two_searches(problem: tuple[Tensor, Tensor, int], chunk_rows: int, group: int) -> None:
    source, target, k = problem
    with mock.patch.object(neighbours, "GROUP", group):
        found = nearest_both_ways(source, target, k, chunk_rows)
    for (scores, positions), expected in zip(found, (nearest(source, target, k), nearest(target, source, k)), strict=True):
        assert torch.equal(scores, expected[0]) and torch.equal(positions, expected[1])


def test_both_ways_of_real_vectors() -> None:
    generator = torch.Generator().manual_seed(2)
    source, target = (normalize(torch.randn(rows, 64, generator=generator), dim=1) for rows in (1100, 731))
    target[400:420] = target[:20]
    forward, backward = nearest_both_ways(source, target, 4, chunk_rows=300)
    for (scores, positions), (queries, index) in zip((forward, backward), ((source, target), (target, source)), strict=True):
        expected_scores, expected_positions = nearest(queries, index, 4, chunk_rows=300)
        np.testing.assert_array_equal(positions.numpy(), expected_positions.numpy())
        np.testing.assert_allclose(scores.numpy(), expected_scores.numpy(), atol=3e-7)


@settings(deadline=None)
@given(many_groups(), st.integers(3, 45), st.booleans())
def test_cosines_are_products_of_vectors_of_length_1(
    problem: tuple[Tensor, Tensor, int], chunk_rows: int, later_first: bool
) -> None:
    queries, index, k = problem
    scores, positions = nearest(queries, index, k, chunk_rows, cosine=True, later_first=later_first)
    unit = normalize(index, dim=1).flip(0) if later_first else normalize(index, dim=1)
    expected_scores, expected_positions = nearest(normalize(queries, dim=1), unit, k, chunk_rows)
    assert torch.equal(scores, expected_scores)
    assert torch.equal(positions, len(index) - 1 - expected_positions if later_first else expected_positions)


class Watched(TorchDispatchMode):
    """Counts matrix products and the largest tensor that any operation gives."""

    def __init__(self) -> None:
        super().__init__()
        self.products, self.largest = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.products += "aten.mm" in str(func)
        tensors = result if isinstance(result, tuple | list) else [result]
        self.largest = max(self.largest, *(tensor.numel() for tensor in tensors if isinstance(tensor, Tensor)), 0)
        return result


def test_one_block_at_a_time_is_in_memory_and_is_computed_once() -> None:
    source, target = torch.rand(3000, 8), torch.rand(2500, 8)
    with Watched() as watched:
        nearest_both_ways(source, target, 4, chunk_rows=256)
    assert watched.products == 12 * 10
    assert watched.largest == 256 * 256
    with Watched() as watched:
        nearest(source[:10], target, 4, chunk_rows=256, cosine=True, later_first=True)
    assert watched.products == 10
    assert watched.largest == 10 * 256


def test_real_vectors_in_several_chunks() -> None:
    generator = torch.Generator().manual_seed(1)
    queries, index = torch.randn(37, 16, generator=generator), torch.randn(101, 16, generator=generator)
    scores, positions = nearest(queries, index, 5, chunk_rows=10)
    expected_scores, expected_positions = brute_force(queries, index, 5)
    np.testing.assert_array_equal(positions.numpy(), expected_positions)
    np.testing.assert_allclose(scores.numpy(), expected_scores, rtol=1e-5)


def test_all_scores_equal() -> None:
    _, positions = nearest(torch.ones(3, 4), torch.ones(50, 4), 7, chunk_rows=8)
    assert positions.tolist() == [list(range(7))] * 3


@pytest.mark.parametrize(("queries", "index", "shape"), [(0, 5, (0, 3)), (4, 0, (4, 0)), (4, 2, (4, 2))])
def test_fewer_rows_than_asked_for(queries: int, index: int, shape: tuple[int, int]) -> None:
    scores, positions = nearest(torch.ones(queries, 2), torch.ones(index, 2), 3)
    assert scores.shape == positions.shape == shape


def test_half_precision_vectors_are_compared_in_float32() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.bfloat16)
    scores, positions = nearest(vectors, vectors, 1)
    assert scores.dtype == torch.float32 and positions.tolist() == [[0], [1]]
