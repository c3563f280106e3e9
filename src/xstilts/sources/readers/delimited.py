"""Tables of text: TSV and CSV, with or without a header.

Columns are named by the header, by `names`, or by their numbers from 1, of which there are as many as in most of the first rows.
Blank lines at the end are skipped.

In TAB-separated files, quotes are plain characters unless a CSV writer wrote the file: then some cells are quoted with doubled
quotes inside (`"a ""b"" c"`), and no other cell has a quote. A file with both is refused. This undoes the quoting of XTREME's
PAWS-X files and reads the original PAWS-X files unchanged. With other delimiters, cells that begin with a quote are unquoted and
may contain the delimiter and line breaks; a row whose lines could all be rows is refused. In TAB-separated files, quoted cells
may contain neither, because a plain quote would silently join rows.
"""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.options import Option, shown, tab
from xstilts.sources.raw import RawExample, excerpt, lines
from xstilts.tasks.declaration import Source

NUMBERED = True

OPTIONS = {
    "header": Option("true or false", "the first line names the columns", "false"),
    "names": Option("a list of names", "names of the columns of a file without header, in order", "their numbers"),
    "delimiter": Option("a text", "separator of the columns", "TAB"),
    "quoting": Option(
        "true, false or auto",
        'false: quotes are plain characters; true: cells that begin with `"` are unquoted; auto: true, but in TAB-separated '
        "files only if a CSV writer wrote the quotes",
        "auto",
    ),
}


SAMPLE = 100
"""Rows at the beginning of a file without header that determine the number of its columns."""


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield the rows, column name -> cell; columns that the file lacks are absent. A UserError stands for a broken row."""
    path, options = files["data"], source.options
    delimiter = tab(options.get("delimiter", "\t"))
    asked = options.get("quoting", "auto")
    quoting = (delimiter != "\t" or _written_as_csv(path, delimiter)) if asked == "auto" else asked
    optional = set(map(str, options.get("optional", [])))
    rows = _rows(path, delimiter, quoting, asked == "auto")
    first = list(islice(rows, 1 if options.get("header") else SAMPLE))
    widths = Counter(len(row[1]) for row in first if not isinstance(row, UserError) and row[1] != [""])
    width = max(widths, key=widths.__getitem__, default=0)
    if options.get("header"):
        names = _header(first.pop(0), path)
        width = len(names)
    else:
        names = options.get("names") or [str(column) for column in range(1, width + 1)]
        width = width if width <= len(names) and optional.issuperset(names[width:]) else len(names)
    blank: list[int] = []
    for row in chain(first, rows):
        if isinstance(row, UserError):
            yield row
            continue
        number, cells = row
        if cells == [""]:
            blank.append(number)
            continue
        for line in blank:
            yield UserError(f"{path}:{line}: a blank line in the middle of the table, expected {counted(width, 'column')}")
        blank.clear()
        if len(cells) != width:
            message = (
                f"{counted(len(cells), 'column')}, expected {width} ({', '.join(names[:width])}) separated by {shown(delimiter)}"
            )
            text = delimiter.join(cells)
            yield UserError(f"{path}:{number}: {message}{_advice(text, delimiter, width, quoting)}; got {excerpt(text)}")
        else:
            yield RawExample(f"{path}:{number}", dict(zip(names, cells, strict=False)))


def _header(row: tuple[int, list[str]] | UserError, path: Path) -> list[str]:
    if isinstance(row, UserError):
        raise row
    where, cells = f"{path}:{row[0]}", row[1]
    if cells == [""]:
        raise UserError(f"{where}: a blank line, expected the names of the columns")
    twice = next((name for place, name in enumerate(cells) if name in cells[:place]), None)
    if twice is not None:
        raise UserError(f"{where}: the header has the column '{twice}' twice, expected different names")
    return cells


def _advice(line: str, delimiter: str, width: int, quoting: bool) -> str:
    if not quoting and '"' in line and (cells := _cells(line, delimiter)) and len(cells) == width:
        return "; its cells are in quotes: set options.quoting=true"
    if quoting and line.count(delimiter) + 1 == width:
        return "; if its quotes are plain characters, set options.quoting=false"
    other = next((mark for mark in ("\t", ",", ";", "|") if mark != delimiter and line.count(mark) + 1 == width), None)
    return f"; its cells are separated by {shown(other)}: set options.delimiter" if other and width > 1 else ""


def _rows(path: Path, delimiter: str, quoting: bool, careful: bool) -> Iterator[tuple[int, list[str]] | UserError]:
    """Yield (number of the row's first line, cells), or a UserError for a line that is wrongly quoted.

    `careful` refuses a row over several lines if each line could be a row.
    """
    coming, again = lines(path), deque[tuple[int, str]]()
    parts: list[tuple[int, str]] = []  # the lines of a row whose quoted cell is open
    while True:
        numbered = again.popleft() if again else next(coming, None)
        if numbered and (not quoting or ('"' not in numbered[1] and not parts)):
            yield numbered[0], numbered[1].split(delimiter)
            continue
        if numbered:
            parts.append(numbered)
            if '"' not in numbered[1]:
                continue
        elif not parts:
            return
        cells = _cells("\n".join(line for _, line in parts), delimiter)
        if cells is None and numbered and delimiter != "\t":
            continue  # a cell continues in the next line
        opened, problem = parts[0][0], ""
        if not cells:
            what = "a quoted cell goes on after its closing quote"
            if cells is None:
                what = "a quote is not closed in its line" if numbered else "a quote is opened and never closed"
            problem = f"wrongly quoted ({what}); {_PLAIN}"
            again.extendleft(reversed(parts[1:]))  # rows of their own
        elif delimiter == "\t" and any("\t" in cell for cell in cells):
            problem = f"a TAB inside a quoted cell; {_PLAIN}"
        elif careful and len(parts) > 1 and all(line.count(delimiter) + 1 == len(cells) for _, line in parts):
            problem = (
                f"a quoted cell goes on to line {parts[-1][0]}, but each of these lines has {counted(len(cells), 'column')} by "
                "itself: set options.quoting=false if quotes are characters, options.quoting=true if the cell has line breaks"
            )
        if problem:
            yield UserError(f"{path}:{opened}: {problem}")
        else:
            yield opened, cells or []
        parts = []


_PLAIN = "if its quotes are plain characters, set options.quoting=false"


def _cells(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row; None if a quote is not closed, [] if a cell continues after its closing quote."""
    cells: list[str] = []
    place = 0
    while place <= len(text):
        if text.startswith('"', place):
            end = _closing(text, place + 1)
            if end is None:
                return None
            cells.append(text[place + 1 : end].replace('""', '"'))
            place = end + 1
            if place < len(text) and not text.startswith(delimiter, place):
                return []
        else:
            end = text.find(delimiter, place)
            end = len(text) if end < 0 else end
            cells.append(text[place:end])
            place = end
        place += len(delimiter)
    return cells


def _closing(text: str, place: int) -> int | None:
    """Return the position of the quote that closes a cell, the first that is not doubled; None if there is none."""
    while (end := text.find('"', place)) >= 0:
        if not text.startswith('"', end + 1):
            return end
        place = end + 2
    return None


def _written_as_csv(path: Path, delimiter: str) -> bool:
    """Return whether a CSV writer wrote the file's quotes. Raises UserError if some cells indicate it and others contradict."""
    doubled = plain = 0
    all_wrapped = True
    for number, line in lines(path):
        if '"' not in line:
            all_wrapped = all_wrapped and not line
            continue
        for cell in line.split(delimiter):
            inner = cell[1:-1]
            wrapped = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
            all_wrapped = all_wrapped and wrapped
            if wrapped and '""' in inner:
                doubled = doubled or number
            elif '"' in cell and not wrapped:
                plain = plain or number
    if doubled and plain:
        raise UserError(
            f"{path}: line {doubled} has a cell in quotes with doubled quotes inside, as CSV writers make them, but line {plain} "
            "has quotes of another form: set options.quoting=false if quotes are plain characters, or correct the others"
        )
    return bool(doubled) or (all_wrapped and not plain)
