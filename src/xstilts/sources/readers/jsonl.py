"""JSON: one object per line, or one array of objects (the first character decides); blank lines are skipped."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample, json_objects
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield the objects unchanged; the task's `columns` select fields of them."""
    yield from json_objects(files["data"])
