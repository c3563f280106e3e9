r"""Tables in LaTeX, with booktabs, as a paper can `\input` them."""

import re
from collections.abc import Sequence

from xstilts.reporting.numbers import with_minus
from xstilts.reporting.tables import ReportTable, TableCell

NARROW = 7
"""Largest number of columns that fit into one column of a two-column page."""
LONG = 40
"""Number of characters above which a text is broken into lines."""
_MEANT = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$"},
    **{
        "±": r"$\pm$",
        "−": "$-$",
        "→": r"$\to$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
        "†": r"\dag{}",
        "‡": r"\ddag{}",
        "°": r"$^\circ$",
        "§": r"\S{}",
    },
}


def latex(table: ReportTable) -> str:
    """Write a float with caption and label, as wide as the page if it has many columns; it needs the package booktabs."""
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
    """Escape text for LaTeX; the hyphen of a negative number becomes a minus sign."""
    return "".join(_MEANT.get(sign, sign) for sign in with_minus(" ".join(text.split())))


def _alignment(table: ReportTable) -> str:
    """Align columns of numbers to the right and break the lines of long texts."""
    places = range(len(table.header))
    long = {place for place in places if any(len(row[place].text) > LONG for row in table.rows)}
    return "".join(
        f"p{{{0.8 / len(long):.2f}\\linewidth}}" if place in long else "r" if table.rows and table.is_numeric(place) else "l"
        for place in places
    )


def _cell(cell: TableCell) -> str:
    text = escape(cell.text)
    if len(cell.text) > LONG:
        text = re.sub(r"(?<=\w)([+.])(?=\w)", r"\1\\allowbreak{}", text)
    if cell.bold:
        text = f"\\textbf{{{text}}}"
    return f"\\shortstack[r]{{{text}\\\\{{\\tiny {escape(cell.below)}}}}}" if cell.below else text


def _line(cells: Sequence[str]) -> str:
    # LaTeX would read a [ or * at the start of a row as an option of the line break before it.
    first = f"{{{cells[0]}}}" if cells[0][:1] in ("[", "*") else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"
