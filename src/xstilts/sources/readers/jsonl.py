"""One JSON object per line; blank lines are skipped."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.sources.raw import Row, json_object, lines
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The objects as they are; the task's `columns` pick from them."""
    path = files["data"]
    for number, line in lines(path):
        if line.strip():
            yield Row(f"{path}:{number}", json_object(line, f"{path}:{number}"))
