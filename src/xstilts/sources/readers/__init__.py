"""Readers: one module per raw file format, each with `read(files, source, split, language)`, which yields its rows.

`files` is the result of `xstilts.sources.locate` (role -> path); data in several parts is read one part at a time. Readers whose
file format determines the example (SQuAD, retrieval) yield the fields of the task's format; others yield raw columns, which the
task's `columns` map. In place of a line that it cannot read, a reader may yield a UserError and go on with the next line:
training refuses such a file, and `check-task` lists all of these lines. A reader may also have

- `FORMATS`: the formats of its rows, if it is not for all formats;
- `OPTIONS`: its options beside those of all readers; `NEEDED`: those that a source must set;
- `NUMBERED`, if its columns have an order, so that `columns` may refer to them by number;
- `FILES`: the numbers of files per split that it accepts, (1,) by default; `READS_GOLD` if it reads a file of gold answers;
- `link(examples)`, called once with the examples of all languages, to join them across languages (formats with candidates);
- `pool(files, source, split)`, called once, which yields candidates that all languages share;
- `without_gold(files, language)`, which returns an error message if the files lack gold, else None.
"""

from types import ModuleType

from xstilts.errors import UserError
from xstilts.plugins import Registry

_REGISTRY = Registry("reader", __name__, "xstilts.readers", (("read", object),))


def reader_names() -> tuple[str, ...]:
    """Return the names of all readers without importing them."""
    return _REGISTRY.names()


def reader_module(name: str) -> ModuleType:
    """The module of the reader `name`; UserError if there is none, or if a plug-in's cannot be used."""
    return _REGISTRY.module(name)


def formats_read(reader: str) -> tuple[str, ...]:
    """The formats of the rows that a reader yields; none: its columns are mapped to any format."""
    formats = getattr(reader_module(reader), "FORMATS", ())
    if not isinstance(formats, tuple):
        raise UserError(f"the reader '{reader}': FORMATS: got {formats!r}, expected a tuple, such as ('classification',)")
    return formats
