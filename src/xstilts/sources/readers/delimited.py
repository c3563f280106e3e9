"""Tables of text: TSV and CSV, with or without a header.

Options: `names` (of the columns, in order, for a file without header) or `header: true`; `delimiter` (default TAB); `quoting`
(default false: a quote is a character like any other; true: cells that begin with `"` are unwrapped as Python's csv writer wraps
them, which XTREME's PAWS-X needs and XTREME's own reader does not do); `optional` (names of trailing columns that a whole file
may lack, as XTREME's tests lack the label). The first row fixes the number of columns of its file.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source


def _rows(path: Path, delimiter: str, quoting: bool) -> Iterator[tuple[int, list[str]]]:
    """(Number of the row's last line, cells)."""
    if not quoting:
        for number, line in lines(path):
            yield number, line.split(delimiter)
        return
    reader = csv.reader((line + "\n" for _, line in lines(path)), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise UserError(
            f"{path}:{reader.line_num}: wrongly quoted ({error}); if its quotes are plain characters, set options.quoting=false"
        ) from None


def _shown(delimiter: str) -> str:
    return "TAB" if delimiter == "\t" else f"'{delimiter}'"


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """The rows, column name -> cell; columns that the file lacks are absent."""
    path, options = files["data"], source.options
    delimiter, quoting = options.get("delimiter", "\t"), options.get("quoting", False)
    names: list[str] | None = None if options.get("header") else list(options["names"])
    optional = set(options.get("optional", []))
    width = 0
    for number, cells in _rows(path, delimiter, quoting):
        if names is None:
            names, width = cells, len(cells)
            continue
        if not width and names[len(cells) :] and optional.issuperset(names[len(cells) :]):
            width = len(cells)
        width = width or len(names)
        if len(cells) != width:
            raise UserError(
                f"{path}:{number}: {len(cells)} column(s), expected {width} ({', '.join(names[:width])}) "
                f"parted by {_shown(delimiter)}"
            )
        yield Row(f"{path}:{number}", dict(zip(names, cells, strict=False)))
