"""SQuAD's questions as the Hub keeps them, one per row: id, question, context, answers {text: [...], answer_start: [...]}.

An empty list of answers, or a true `is_impossible`, is an unanswerable question (SQuAD 2.0); a row without `answers`, or with
blank ones, has no gold.
Files that end in .parquet are Parquet, all others hold JSON: one object per line, or one array of objects.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.sources.raw import Row
from xstilts.sources.readers import jsonl, parquet
from xstilts.sources.readers.squad import answers_of
from xstilts.tasks.declaration import Source

FORMATS = ("span_qa", "retrieval")


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The rows as they are; `xstilts.sources.answers` reads their answers."""
    reader = parquet if ".parquet" in files["data"].suffixes else jsonl
    for row in reader.read(files, source, split, language):
        if row.fields.get("is_impossible") is not None:
            row.fields["answers"] = answers_of(row.fields, row.where)
        yield row
