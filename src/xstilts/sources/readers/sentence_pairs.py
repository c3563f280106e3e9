"""Translated sentence pairs, one per row of a Parquet file: queries in English, candidates in the other language.

Option `names`: the columns of the other language's sentence and of the English one, in that order. Row i is a pair; equal
sentences are interchangeable, as in `xstilts.sources.readers.tatoeba`, whose ids and rule these are.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import Row
from xstilts.sources.readers import parquet
from xstilts.sources.readers.tatoeba import retrieval_rows
from xstilts.tasks.declaration import Source


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with the fields of the retrieval format."""
    other, english = source.options["names"]
    rows = list(parquet.read(files, source, split, language))
    for row in rows:
        if row.fields.get(other) is None or row.fields.get(english) is None:
            raise UserError(f"{row.where}: no columns '{other}' and '{english}'; the row has {', '.join(row.fields)}")
    queries = [row.fields[english].strip() for row in rows]
    candidates = [row.fields[other].strip() for row in rows]
    yield from retrieval_rows(queries, candidates, list(range(len(rows))), language, str(files["data"]), str(files["data"]))
