"""Examples in the schema of the task's format from JSON: one object per line, or one array of objects.

The fields are those of FEATURES in `xstilts.tasks.formats`; `language` and fields that may be null can be left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample
from xstilts.sources.readers import jsonl
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield the objects unchanged."""
    yield from jsonl.read(files, source, split, language)


def link(examples: list[dict[str, Any]]) -> None:
    """Drop candidates of languages that were not read from every query's `relevant`, in place.

    Raises UserError for a query without any relevant candidate left: every result for it would be wrong.
    """
    ids = {example["id"] for example in examples if example.get("side") == "candidate"}
    for example in examples:
        if example.get("relevant") is not None:
            there = [name for name in example["relevant"] if name in ids]
            if example["relevant"] and not there:
                raise UserError(
                    f"query '{example['id']}': none of its relevant candidates is there, such as '{example['relevant'][0]}': "
                    "correct their ids, or read the languages that have them too"
                )
            example["relevant"] = there
