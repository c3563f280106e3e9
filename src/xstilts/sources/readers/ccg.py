"""Sentences with supertags in jiant's form of CCGbank: per line words separated by blanks, a TAB, and as many tags."""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.raw import RawExample, lines
from xstilts.tasks.declaration import Source

FORMATS = ("tagging",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield rows with `words` and `tags`, or a UserError if their numbers differ; skip blank lines."""
    path = files["data"]
    for number, line in lines(path):
        if not line.strip():
            continue
        words, tab, tags = (part.split() if part != "\t" else part for part in line.partition("\t"))
        if not tab or len(words) != len(tags):
            message = f"{counted(len(words), 'word')} and {counted(len(tags), 'tag')}" if tab else "no TAB"
            yield UserError(f"{path}:{number}: {message}, expected words, a TAB and as many tags")
            continue
        yield RawExample(f"{path}:{number}", {"words": words, "tags": tags})
