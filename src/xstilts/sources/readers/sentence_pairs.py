"""Translated sentence pairs, one per row of a Parquet file: queries in English, candidates in the other language.

Equal sentences are interchangeable; this rule and the ids are those of `xstilts.sources.readers.tatoeba`.
"""

from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.options import Option
from xstilts.sources.raw import RawExample
from xstilts.sources.readers import parquet
from xstilts.sources.readers.tatoeba import retrieval_rows
from xstilts.tasks.declaration import Source

FORMATS = ("retrieval", "mlm")
NEEDED = ("names",)

OPTIONS = {"names": Option("two names", "the columns of the other language's sentence and of the English one", "needed")}


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Rows with the fields of the retrieval format."""
    names = source.options["names"]
    pairs: list[tuple[str, str]] = []
    for row in parquet.read(files, source, split, language):
        other, english = (row.fields.get(name) for name in names)
        if not isinstance(other, str) or not isinstance(english, str):
            problem = f"got {other!r} and {english!r}, expected texts in the columns '{names[0]}' and '{names[1]}'"
            raise UserError(f"{row.where}: {problem}; the row has {', '.join(row.fields)}")
        pairs.append((english.strip(), other.strip()))
    queries, candidates = [english for english, _ in pairs], [other for _, other in pairs]
    yield from retrieval_rows(queries, candidates, pairs, language, str(files["data"]), str(files["data"]))
