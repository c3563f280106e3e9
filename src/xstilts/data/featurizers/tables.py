"""Features as an Arrow table in memory, filled chunk by chunk.

Built from the examples alone, never through `Dataset.map`: its cache knows a function by name only and would hand out the
features of an older version of the code.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features

from xstilts.data.featurizers.ragged import RaggedArray

CHUNK = 2000
"""Examples per tokenizer call: enough to keep it busy, few enough to hold their texts and tokens twice."""

Columns = dict[str, list[Any]]
Made = Mapping[str, np.ndarray | RaggedArray | pa.Array]
"""The columns of features: numbers, lists, or whatever Arrow holds."""


def build(examples: Dataset, features: Features, columns_of: Callable[[int, Columns], Made], size: int = 0) -> Dataset:
    """A dataset with the columns `features`.

    `columns_of` takes the row number of a chunk's first example and the chunk's columns, and returns the columns of its features.
    `size`: examples of a chunk, if not CHUNK.
    """
    schema = features.arrow_schema
    tables = [schema.empty_table()]
    size = size or CHUNK
    for first in range(0, len(examples), size):
        made = columns_of(first, examples[first : first + size])
        tables.append(pa.Table.from_arrays([_array(made[field.name], field.type) for field in schema], schema=schema))
    return Dataset(pa.concat_tables(tables))


def _array(values: np.ndarray | RaggedArray | pa.Array, type: pa.DataType) -> pa.Array:
    if isinstance(values, RaggedArray):
        values = values.arrow()
    return values.cast(type) if isinstance(values, pa.Array) else pa.array(values, type=type)
