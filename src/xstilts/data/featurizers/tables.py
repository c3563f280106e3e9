"""Features as an Arrow table, filled chunk by chunk, in memory or within `kept_in` in a file.

Built from the examples alone, never through `Dataset.map`: its cache knows a function by name only and would hand out the
features of an older version of the code.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features

from xstilts.data.featurizers.ragged import RaggedArray
from xstilts.sources.arrow_file import TableWriter, release

CHUNK = 2000
"""Examples per tokenizer call: enough to keep it busy, few enough to hold their texts and tokens twice."""

_file: ContextVar[Path | None] = ContextVar("_file", default=None)
Columns = dict[str, list[Any]]
Made = Mapping[str, np.ndarray | RaggedArray | pa.Array]
"""The columns of features: numbers, lists, or whatever Arrow holds."""


def build(examples: Dataset, features: Features, columns_of: Callable[[int, Columns], Made], size: int = 0) -> Dataset:
    """A dataset with the columns `features`.

    `columns_of` takes the row number of a chunk's first example and the chunk's columns, and returns the columns of its features.
    `size`: examples of a chunk, if not CHUNK.
    """
    schema, size = features.arrow_schema, size or CHUNK
    with TableWriter(schema, _file.get()) as writer:
        for first in range(0, len(examples), size):
            made = columns_of(first, examples[first : first + size])
            writer.add(pa.Table.from_arrays([_array(made[field.name], field.type) for field in schema], schema=schema))
            release()
        return writer.dataset()


@contextmanager
def kept_in(file: Path | None) -> Iterator[None]:
    """In the body, `build` writes its table to the file and maps it; None: it stays in memory. One table is built in a body."""
    token = _file.set(file)
    try:
        yield
    finally:
        _file.reset(token)


def _array(values: np.ndarray | RaggedArray | pa.Array, type: pa.DataType) -> pa.Array:
    if isinstance(values, RaggedArray):
        values = values.arrow()
    return values.cast(type) if isinstance(values, pa.Array) else pa.array(values, type=type)
