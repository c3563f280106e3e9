"""Tables in LaTeX, with booktabs, as a paper can `\\input` them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

NARROW = 7
"""Columns that fit into one column of a page in two columns."""
LONG = 40
"""Characters; text beyond is broken into lines."""
_MEANT = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$"},
    **{"±": r"$\pm$", "−": "$-$", "→": r"$\to$", "≥": r"$\geq$", "≤": r"$\leq$", "†": r"\dag{}"},
}


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    below: str = ""
    """What belongs to it and is printed smaller: an interval, a standard deviation."""
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table of a report, before it takes a form."""

    name: str
    """Of its files."""
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    data: "DataFrame"
    """What it tells, a row per number and at full precision."""


def latex(table: Table) -> str:
    """A float with caption and label, as wide as the page where it has many columns; it needs the package booktabs."""
    wide = "*" if len(table.header) > NARROW else ""
    size, space = (r"\scriptsize", 3) if wide else (r"\small", 6)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{table{wide}}}[t]",
        f"\\centering{size}\\setlength{{\\tabcolsep}}{{{space}pt}}",
        f"\\begin{{tabular}}{{{_alignment(table)}}}",
        "\\toprule",
        _line([escape(title) for title in table.header]),
        "\\midrule",
        *(_line([_cell(cell) for cell in row]) for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        f"\\caption{{{escape(table.caption)}}}",
        f"\\label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', table.name)}}}",
        f"\\end{{table{wide}}}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it is; the minus of a number becomes a real one."""
    plain = re.sub(r"(?<![\w.])-(?=\d)", "−", " ".join(text.split()))
    return "".join(_MEANT.get(sign, sign) for sign in plain)


def _alignment(table: Table) -> str:
    """Columns of numbers to the right, those of long texts with line breaks."""
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.header)
    long = [any(len(cell.text) > LONG for cell in column) for column in columns]
    found = []
    for column, breaks in zip(columns, long, strict=True):
        right = column and all(_numeric(cell.text) for cell in column)
        found.append(f"p{{{0.8 / sum(long):.2f}\\linewidth}}" if breaks else "r" if right else "l")
    return "".join(found)


def _numeric(text: str) -> bool:
    return not text.strip("-") or text.lstrip("+-")[:1].isdigit()


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if len(cell.text) > LONG:
        text = re.sub(r"(?<=\w)([+.])(?=\w)", r"\1\\allowbreak{}", text)
    if cell.bold:
        text = f"\\textbf{{{text}}}"
    return f"\\shortstack[r]{{{text}\\\\{{\\tiny {escape(cell.below)}}}}}" if cell.below else text


def _line(cells: Sequence[str]) -> str:
    # A row that began with [ or * would be taken for an option of the line break before it.
    first = f"{{{cells[0]}}}" if cells[0][:1] in ("[", "*") else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"
