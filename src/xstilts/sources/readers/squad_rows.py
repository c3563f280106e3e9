"""SQuAD's questions as the Hub keeps them, one per row: id, question, context, answers {text: [...], answer_start: [...]}.

An empty list of answers is an unanswerable question (SQuAD 2.0), a row without `answers`, or with blank ones, has no gold.
Files that end in .jsonl hold JSON, all others are Parquet.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import Row
from xstilts.sources.readers import jsonl, parquet
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The raw rows with `answers` as the span_qa format has them; the other columns stay."""
    reader = jsonl if ".jsonl" in files["data"].suffixes else parquet
    for row in reader.read(files, source, split, language):
        yield Row(row.where, row.fields | {"answers": _answers(row.fields.get("answers"), row.where)})


def _answers(raw: Any, where: str) -> list[dict[str, Any]] | None:
    if raw is None:
        return None
    try:
        pairs = list(zip(raw["text"], raw["answer_start"], strict=True))
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{where}: answers are {raw!r}, expected text and answer_start, two lists of one length") from None
    if pairs and all(text == "" for text, _ in pairs):
        return None
    return [{"text": text, "start": int(start)} for text, start in pairs]
