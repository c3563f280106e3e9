"""Tables that are made chunk by chunk: held in memory, or written to a file that is then mapped.

The pages that are read from a mapped file count as memory of the process until `release` gives them back. They stay in the
system's cache of files, which is memory that other uses get when they need it.
"""

import mmap
import secrets
import weakref
from pathlib import Path
from typing import Self

import pyarrow as pa
from datasets import Dataset

ROWS = 10_000
"""Rows that are copied at a time."""
_mapped: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()


class TableWriter:
    """Collects the rows of a table in `file`, or without one in memory."""

    def __init__(self, schema: pa.Schema, file: Path | None = None) -> None:
        self.schema, self.file = schema, file
        self._tables: list[pa.Table] = [schema.empty_table()]
        self._stream = pa.ipc.new_stream(str(file), schema) if file else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.close()

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table of the same schema."""
        if self._stream:
            self._stream.write_table(table)
        else:
            self._tables.append(table)

    def dataset(self) -> Dataset:
        """Return all rows. The writer is closed."""
        if self._stream and self.file:
            self._stream.close()
            return mapped(self.file)
        return _dataset(pa.concat_tables(self._tables))


def mapped(file: Path) -> Dataset:
    """Return the rows of a file that a TableWriter made, without reading them."""
    return _dataset(pa.ipc.open_stream(pa.py_buffer(mapped_bytes(file))).read_all())


def mapped_bytes(file: Path) -> mmap.mmap:
    """Map a file that is not empty, to be read; `release` gives its memory back."""
    with file.open("rb") as opened:
        memory = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    _mapped.add(memory)
    return memory


def _dataset(table: pa.Table) -> Dataset:
    # Without a fingerprint, the library would make one from a copy of the whole table.
    return Dataset(table, fingerprint=secrets.token_hex(8))


def write(rows: Dataset, file: Path) -> None:
    """Write the rows to a file for `mapped`, a few at a time."""
    arrow = rows.with_format("arrow")
    with TableWriter(rows.features.arrow_schema, file) as writer:
        for first in range(0, len(rows), ROWS):
            writer.add(arrow[first : first + ROWS])
            release()


def release() -> None:
    """Give back the memory of all mapped files. What is read again is mapped again."""
    for memory in list(_mapped):
        memory.madvise(mmap.MADV_DONTNEED)
