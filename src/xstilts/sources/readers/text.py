"""Plain text, one example per line; blank lines are skipped."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source

FORMATS = ("mlm",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with the field `text`, without white space at its ends."""
    path = files["data"]
    for number, line in lines(path):
        if line.strip():
            yield Row(f"{path}:{number}", {"text": line.strip()})
