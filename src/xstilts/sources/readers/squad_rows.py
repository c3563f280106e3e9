"""SQuAD's questions in the Hub's form, one per row: id, question, context, answers {text: [...], answer_start: [...]}.

A question with an empty list of answers or with `is_impossible` is unanswerable (SQuAD 2.0); a row without `answers`, or with
empty texts as answers, has no gold. Files named .parquet are Parquet, all others JSON: one object per line, or one array.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample
from xstilts.sources.readers import jsonl, parquet
from xstilts.sources.readers.squad import answers_of
from xstilts.tasks.declaration import Source

FORMATS = ("span_qa", "retrieval")


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield the rows unchanged; `xstilts.sources.answers` parses their answers."""
    reader = parquet if ".parquet" in files["data"].suffixes else jsonl
    for row in reader.read(files, source, split, language):
        if not isinstance(row, UserError) and row.fields.get("is_impossible") is not None:
            row.fields["answers"] = answers_of(row.fields, row.where)
        yield row
