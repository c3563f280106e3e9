"""Sentences with supertags as jiant keeps CCGbank: words parted by blanks, a TAB, as many tags parted by blanks, one per line."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source

FORMATS = ("tagging",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with `words` and `tags`; blank lines are skipped. UserError where there are not as many tags as words."""
    path = files["data"]
    for number, line in lines(path):
        if not line.strip():
            continue
        words, tab, tags = (part.split() if part != "\t" else part for part in line.partition("\t"))
        if not tab or len(words) != len(tags):
            told = f"{len(words)} words and {len(tags)} tags" if tab else "no TAB"
            raise UserError(f"{path}:{number}: {told}, expected words, a TAB and as many tags")
        yield Row(f"{path}:{number}", {"words": words, "tags": tags})
