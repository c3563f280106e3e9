"""Examples in the schema of the task's own format, as JSON: one object per line, or one array of objects.

The fields are those of FEATURES in `xstilts.tasks.formats`; `language` need not be there, and what may be null may be absent.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import Row
from xstilts.sources.readers import jsonl
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The objects as they are."""
    yield from jsonl.read(files, source, split, language)


def link(examples: list[dict[str, Any]]) -> None:
    """Drop from every query's `relevant`, in place, the candidates that are not there: those of languages that were not read.

    UserError for a query that has none left: whatever is found for it would be wrong.
    """
    ids = {example["id"] for example in examples if example.get("side") == "candidate"}
    for example in examples:
        if example.get("relevant") is not None:
            there = [name for name in example["relevant"] if name in ids]
            if example["relevant"] and not there:
                raise UserError(
                    f"query '{example['id']}': none of its relevant candidates is there, such as '{example['relevant'][0]}': "
                    "mend their ids, or read the languages that have them too"
                )
            example["relevant"] = there
