"""One module per raw form, each with `read(files, source, split, language)` that yields its rows.

`files` is what `xstilts.sources.locate` found (role -> path); of data in several parts, one part at a time. A reader of a form
that fixes the example's shape (SQuAD, CoNLL, retrieval) yields the format's own field names; others yield raw columns, which the
task's `columns` map. A reader may also have `link(examples)`, called once with the examples of all languages, to join them
across languages, and `pool(files, source, split)`, called once, whose rows are candidates that all languages share.
"""

import importlib
from types import ModuleType

from xstilts.errors import UserError, unknown_name

READERS = (
    "bucc",
    "ccg",
    "conll",
    "conllu",
    "copa_xml",
    "delimited",
    "examples",
    "jsonl",
    "lareqa",
    "mewslix",
    "parquet",
    "sentence_pairs",
    "squad",
    "squad_rows",
    "squad_sentences",
    "tatoeba",
    "text",
)


def reader_module(name: str) -> ModuleType:
    """The module of the reader `name`; UserError if there is none."""
    if name not in READERS:
        raise UserError(unknown_name("reader", name, READERS))
    return importlib.import_module(f"{__name__}.{name}")
