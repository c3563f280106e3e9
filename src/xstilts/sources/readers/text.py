"""Plain text, one example per line; blank lines are skipped."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.sources.raw import RawExample, lines
from xstilts.tasks.declaration import Source

FORMATS = ("mlm",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the field `text`, without surrounding white space."""
    path = files["data"]
    for number, line in lines(path):
        if line.strip():
            yield RawExample(f"{path}:{number}", {"text": line.strip()})
