import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from xstilts.data.featurizers.ragged import RaggedArray, alternating, constant, grouped, packed, side_by_side

LISTS = st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=6)


def rows_of(lists):
    return packed(
        np.array([value for row in lists for value in row], dtype=np.int32), np.array([*map(len, lists)], dtype=np.int64)
    )


def lists_of(rows):
    return rows.arrow().to_pylist()


@given(LISTS, st.data())
def test_rows(lists, data):
    rows = rows_of(lists)
    assert len(rows) == len(lists)
    assert lists_of(rows) == lists
    chosen = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=8) if lists else st.just([]))
    assert lists_of(rows[np.array(chosen, dtype=np.int64)]) == [lists[number] for number in chosen]
    mask = data.draw(st.lists(st.booleans(), min_size=len(lists), max_size=len(lists)))
    assert lists_of(rows[np.array(mask, dtype=bool)]) == [row for row, kept in zip(lists, mask, strict=True) if kept]
    most = data.draw(st.lists(st.integers(0, 7), min_size=len(lists), max_size=len(lists)))
    assert lists_of(rows.cut(np.array(most, dtype=np.int64))) == [row[:number] for row, number in zip(lists, most, strict=True)]
    assert lists_of(rows.cut(2)) == [row[:2] for row in lists]


@given(LISTS, LISTS)
def test_joining(first, second):
    count = min(len(first), len(second))
    first, second = first[:count], second[:count]
    parts = rows_of(first), constant(np.array([7, 8, 9], dtype=np.int32), np.full(count, 2)), rows_of(second)
    joined = side_by_side(*parts)
    assert lists_of(joined) == [[*a, 7, 8, *b] for a, b in zip(first, second, strict=True)]
    assert joined.values_T.dtype == np.int32
    assert lists_of(alternating(*parts)) == [row for a, b in zip(first, second, strict=True) for row in (a, [7, 8], b)]


def test_rows_may_share_values_and_be_of_pairs():
    rows = RaggedArray(np.arange(10).reshape(5, 2), np.array([3, 0, 3]), np.array([2, 1, 1]))
    assert rows.joined().tolist() == [[6, 7], [8, 9], [0, 1], [6, 7]]


def test_grouped():
    assert grouped(pa.array([1, 2, 3]), np.array([0, 2, 1, 0])).to_pylist() == [[], [1, 2], [3], []]
