import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from xstilts.retrieval.neighbours import nearest


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
