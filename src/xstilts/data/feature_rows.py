"""Read rows of features without copying: lists become read-only NumPy arrays, not Python lists of Python numbers."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, cast

import numpy as np
import pyarrow as pa
from datasets import Dataset


class FeatureRows:
    """The rows of a dataset of numbers and of lists of numbers; `names`: the columns to read, None for all.

    A row is a dict: a number is an int, a list a read-only array of the column's type, a list of lists a list of arrays.
    """

    def __init__(self, features: Dataset, names: Sequence[str] | None = None) -> None:
        table: pa.Table = features.with_format("arrow")[:] if len(features) else features.data.table.slice(0, 0)
        self.columns = {name: _Column(table.column(name)) for name in names or table.column_names}
        self.size = len(features)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, row: int) -> dict[str, Any]:
        if not 0 <= row < self.size:
            raise IndexError(f"row {row} of {self.size}")
        return {name: column[row] for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(self.size))


def first_equal(features: Dataset, names: Sequence[str]) -> np.ndarray:
    """For each row the first one that is equal in these columns, itself if none before it is: int64 (rows,)."""
    table: pa.Table = features.select_columns(list(names)).with_format("arrow")[:]
    groups_N = np.zeros(len(features), dtype=np.int64)
    for name in names:
        for values in zip(*(_comparable(chunk) for chunk in table.column(name).chunks if len(chunk)), strict=True):
            encoded = pa.chunked_array(values).dictionary_encode().unify_dictionaries()
            codes_N = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks]).astype(np.int64)
            groups_N = np.unique(groups_N * (1 + codes_N.max()) + codes_N, return_inverse=True)[1]
    _, first, group_N = np.unique(groups_N, return_index=True, return_inverse=True)
    return cast(np.ndarray, first[group_N])


def _comparable(values: pa.Array, offsets_N1: np.ndarray | None = None) -> Iterator[pa.Array]:
    """Yield arrays that Arrow can compare: numbers; lists as bytes; of lists of lists the inner lengths and all values as bytes.

    `offsets_N1`: row n is the list of the values between offsets n and n + 1; None: row n is value n.
    """
    if _is_list(values):
        inner = values.offsets.to_numpy()
        if offsets_N1 is not None:
            yield _as_bytes(np.diff(inner), offsets_N1)
            inner = inner[offsets_N1]
        yield from _comparable(values.values, inner)
    else:
        yield values if offsets_N1 is None else _as_bytes(values.to_numpy(zero_copy_only=False), offsets_N1)


def _as_bytes(numbers: np.ndarray, offsets_N1: np.ndarray) -> pa.Array:
    """The lists as byte strings; the numbers are not copied."""
    starts = pa.py_buffer(offsets_N1.astype(np.int64) * numbers.itemsize)
    return pa.Array.from_buffers(pa.large_binary(), len(offsets_N1) - 1, [None, starts, pa.py_buffer(numbers)])


def _is_list(array: pa.Array) -> bool:
    return pa.types.is_list(array.type) or pa.types.is_large_list(array.type)


class _Column:
    def __init__(self, column: pa.ChunkedArray) -> None:
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        self.starts = list(accumulate(map(len, chunks), initial=0))
        self.chunks = [_Array(chunk) for chunk in chunks]

    def __getitem__(self, row: int) -> Any:
        number = bisect_right(self.starts, row) - 1
        return self.chunks[number][row - self.starts[number]]


class _Array:
    """Numbers, or lists of arrays."""

    def __init__(self, array: pa.Array) -> None:
        self.lists = _is_list(array)
        if self.lists:
            self.offsets = array.offsets.to_numpy()
            self.inner = _Array(array.values)
        else:
            self.numbers = array.to_numpy(zero_copy_only=False)

    def __getitem__(self, place: int) -> Any:
        if not self.lists:
            return self.numbers[place].item()
        start, end = int(self.offsets[place]), int(self.offsets[place + 1])
        return [self.inner[number] for number in range(start, end)] if self.inner.lists else self.inner.numbers[start:end]
