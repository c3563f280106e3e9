"""One module per raw form, each with `read(files, source, split, language)` that yields its rows.

`files` is what `xstilts.sources.locate` found (role -> path); of data in several parts, one part at a time. A reader of a form
that fixes the example's shape (SQuAD, retrieval) yields the format's own field names; others yield raw columns, which the task's
`columns` map. A reader may also have

- `OPTIONS`: the options that it uses beside those of all readers;
- `FILES`: the numbers of files of a split that it takes, (1,) by default; `READS_GOLD`, where it reads a file of gold answers;
- `link(examples)`, called once with the examples of all languages, to join them across languages;
- `pool(files, source, split)`, called once, whose rows are candidates that all languages share;
- `without_gold(files, language)`: why files are refused whose gold is missing, or None.
"""

import importlib
from types import ModuleType

from xstilts.errors import UserError, unknown_name

READERS: dict[str, tuple[str, ...]] = {
    "bucc": ("retrieval",),
    "ccg": ("tagging",),
    "conll": ("tagging",),
    "conllu": ("tagging", "mlm"),
    "copa_xml": ("multiple_choice",),
    "delimited": (),
    "examples": (),
    "jsonl": (),
    "lareqa": ("retrieval",),
    "mewslix": ("retrieval",),
    "parquet": (),
    "sentence_pairs": ("retrieval", "mlm"),
    "squad": ("span_qa",),
    "squad_rows": ("span_qa", "retrieval"),
    "squad_sentences": ("retrieval",),
    "tatoeba": ("retrieval",),
    "text": ("mlm",),
}
"""Reader -> the formats of the rows that it gives; none: its columns are mapped to any format."""


def reader_module(name: str) -> ModuleType:
    """The module of the reader `name`; UserError if there is none."""
    if name not in READERS:
        raise UserError(unknown_name("reader", name, READERS))
    return importlib.import_module(f"{__name__}.{name}")
