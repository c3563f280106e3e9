"""Features as an Arrow table in memory, filled chunk by chunk.

Built from the rows alone, never through `Dataset.map`: its cache knows a function by name only and would hand out the features
of an older version of the code.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features

CHUNK = 2000
"""Examples per tokenizer call: enough to keep it busy, few enough to hold their Python lists."""

Columns = dict[str, list[Any]]


def build(examples: Dataset, features: Features, rows_of: Callable[[int, Columns], Iterable[dict[str, Any]]]) -> Dataset:
    """A dataset with the columns `features`.

    `rows_of` gets the row number of a chunk's first example and the chunk's columns, and gives its features in order; lists may
    be NumPy arrays of the column's type.
    """
    schema = features.arrow_schema
    tables = [schema.empty_table()]
    for first in range(0, len(examples), CHUNK):
        rows = list(rows_of(first, examples[first : first + CHUNK]))
        arrays = [pa.array([row[field.name] for row in rows], type=field.type) for field in schema]
        tables.append(pa.Table.from_arrays(arrays, schema=schema))
    return Dataset(pa.concat_tables(tables))
