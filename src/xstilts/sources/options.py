"""Options of a source: their types and their meaning.

A reader declares its options in `OPTIONS`; `COMMON` holds the options of all readers. The table in docs/own_readers.md is made of
both, and `xstilts.sources.check` refuses all other options.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xstilts.tasks.declaration import SPLITS


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(fits, value))


def is_column(value: Any) -> bool:
    """Return whether the value is a column's name or its number from 1."""
    return _is_text(value) or (type(value) is int and value > 0)


KINDS: dict[str, Callable[[Any], bool]] = {
    "true or false": lambda value: isinstance(value, bool),
    "true, false or auto": lambda value: isinstance(value, bool) or value == "auto",
    "a text": _is_text,
    "a list of names": lambda value: _is_list(value, _is_text) and value != [],
    "two names": lambda value: _is_list(value, _is_text) and len(value) == 2,
    "a list of columns": lambda value: _is_list(value, is_column),
    "a list of splits": lambda value: _is_list(value, SPLITS.__contains__),
    "a map column: pattern": lambda value: isinstance(value, dict) and all(map(_is_text, [*value, *value.values()])),
}
"""Name of a type, as in messages and in the table -> test of a value."""


@dataclass(frozen=True)
class Option:
    """An option of a reader."""

    kind: str
    """A key of KINDS."""
    meaning: str
    """Its effect, for the table in docs/own_readers.md."""
    default: str = ""
    """Effect of leaving it out, for the same table."""


COMMON: dict[str, Option] = {
    "keep": Option(
        "a map column: pattern",
        "read only rows whose columns all fit their pattern (`{language}`, `*`), for files that hold several languages",
    ),
    "no_gold": Option(
        "a list of splits",
        "splits that may lack gold: labels that are the same in all rows are placeholders, and there are no tags or no gold file",
    ),
    "optional": Option(
        "a list of columns", "columns that a file may lack although `columns` or `names` has them (of `names`: the last ones)"
    ),
}


def tab(delimiter: str) -> str:
    """Return the delimiter; backslash and t become a TAB."""
    return "\t" if delimiter == "\\t" else delimiter


def shown(delimiter: str) -> str:
    """Return the delimiter in words, for a message."""
    return {"\t": "TAB", " ": "blanks"}.get(delimiter, repr(delimiter))
