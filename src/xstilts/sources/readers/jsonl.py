"""JSON: one object per line, or one array of objects (told apart by the first character); blank lines are skipped."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.sources.raw import Row, json_objects
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The objects as they are; the task's `columns` pick from them."""
    for where, fields in json_objects(files["data"]):
        yield Row(where, fields)
