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
    """The objects as they are; UserError for `answers` that are no list of {text, start}."""
    for row in jsonl.read(files, source, split, language):
        answers = row.fields.get("answers")
        if answers is not None and not (isinstance(answers, list) and all(map(_is_answer, answers))):
            raise UserError(f'{row.where}: got the answers {answers!r}, expected a list of {{"text": TEXT, "start": NUMBER}}')
        yield row


def _is_answer(answer: Any) -> bool:
    return (
        isinstance(answer, dict)
        and answer.keys() == {"text", "start"}
        and isinstance(answer["text"], str)
        and type(answer["start"]) is int
    )


def link(examples: list[dict[str, Any]]) -> None:
    """Drop from every query's `relevant`, in place, the candidates that are not there: those of languages that were not read."""
    ids = {example["id"] for example in examples if example.get("side") == "candidate"}
    for example in examples:
        if example.get("relevant") is not None:
            example["relevant"] = [name for name in example["relevant"] if name in ids]
