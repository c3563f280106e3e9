"""One module per raw form, each with `read(files, source, split, language)` that yields its rows.

`files` is what `xstilts.sources.locate` returns (role -> path); of data in several parts, one part at a time. A reader of a form
that fixes the example's shape (SQuAD, retrieval) yields the format's own field names; others yield raw columns, which the task's
`columns` map. A reader may also have

- `FORMATS`: the formats of its rows, where it is not for all;
- `OPTIONS`: the options that it uses beside those of all readers; `NEEDED`: those that a source must set;
- `NUMBERED`, where its columns have an order, so that `columns` may give a number;
- `FILES`: the numbers of files of a split that it takes, (1,) by default; `READS_GOLD`, where it reads a file of gold answers;
- `link(examples)`, called once with the examples of all languages, to join them across languages;
- `pool(files, source, split)`, called once, whose rows are candidates that all languages share;
- `without_gold(files, language)`: why files are refused whose gold is missing, or None.
"""

from types import ModuleType

from xstilts.plugins import Registry

_REGISTRY = Registry("reader", __name__, "xstilts.readers", ("read",))


def reader_names() -> tuple[str, ...]:
    """The names of all readers. Imports none."""
    return _REGISTRY.names()


def reader_module(name: str) -> ModuleType:
    """The module of the reader `name`; UserError if there is none, or if a plug-in's cannot be used."""
    return _REGISTRY.module(name)


def formats_read(reader: str) -> tuple[str, ...]:
    """The formats of the rows that a reader yields; none: its columns are mapped to any format."""
    return tuple(getattr(reader_module(reader), "FORMATS", ()))
