"""Parquet files, the Hub's form of data sets: a row of the table is a raw row, with its columns unchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample
from xstilts.tasks.declaration import Source

BATCH = 2000
"""Number of rows that are converted to Python values at a time."""


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield the rows in order; a place in a message is `path:row`, counted from 1."""
    import pyarrow
    from pyarrow import parquet

    path, number = files["data"], 0
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise UserError(f"{path}: the table has the column '{twice}' twice, expected different names")
            for batch in file.iter_batches(BATCH):
                for fields in _values(batch, f"{path}:{number + 1}"):
                    number += 1
                    yield RawExample(f"{path}:{number}", fields)
    except UnicodeDecodeError:
        raise UserError(f"{path}:{number + 1}: this row, or one of the {BATCH} after it, has a text that is not UTF-8") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a whole Parquet file ({str(error).splitlines()[0]}); delete it and fetch it again"
        ) from None


def _values(batch: Any, where: str) -> list[dict[str, Any]]:
    """Return the rows of a batch. Raises UserError for dates outside of Python's range or in an unknown time zone."""
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise UserError(f"{where}: this row, or one of the {BATCH} after it, has a value that cannot be read ({error})") from None
