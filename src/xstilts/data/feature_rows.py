"""Read rows of features without copying: lists become read-only NumPy arrays, not Python lists of Python numbers."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

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
        self.lists = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
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
