"""Text and tables in Markdown. Names come from configs, data and result files and are escaped, so that they stay text."""

import html
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xstilts.reporting.numbers import is_number

if TYPE_CHECKING:
    from xstilts.reporting.tables import ReportTable, TableCell


def one_line(value: object) -> str:
    """Replace line breaks and other white space in `value` by single blanks."""
    return " ".join(str(value).split())


def text(value: object) -> str:
    """Escape Markdown and HTML in `value`; an underscore between letters needs no escape."""
    escaped = re.sub(r"([\\`*\[\]~|#$])", r"\\\1", html.escape(one_line(value), quote=False))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)


def code(value: object) -> str:
    """Put `value` between more backticks than it contains itself; empty if `value` is empty."""
    line = one_line(value)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    around = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{around}{line}{around}{fence}" if line else ""


def details(title: str, body: str) -> list[str]:
    """Return the paragraphs of a `body` that the reader can unfold."""
    return [f"<details>\n<summary>{html.escape(one_line(title))}</summary>", body, "</details>"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of cells that are Markdown already; empty without rows.

    Columns of numbers are aligned to the right; columns that are empty in every row are left out.
    """
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    numeric = {column for column in kept if all(is_number(row[column]) for row in rows)}
    rule = ["---:" if column in numeric else "---" for column in kept]
    lines = [[header[column] for column in kept], rule, *([row[column] for column in kept] for row in rows)]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines) if rows else ""


def report_table(report: "ReportTable") -> str:
    """Write the caption and the cells of a report's table."""
    rows = [[cell_text(cell) for cell in row] for row in report.rows]
    return f"{text(report.caption)}\n\n" + table(list(map(text, report.header)), rows)


def cell_text(cell: "TableCell") -> str:
    """Write `**+3.2** [1.0, 5.4]`."""
    written = text(cell.text)
    return " ".join(part for part in (f"**{written}**" if cell.bold else written, cell.below) if part)


def _escaped(text: str) -> str:
    """Escape pipes, which would end the cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)
