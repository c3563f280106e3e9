"""Texts from configs and data in a model card: whatever is in them, they stay text and break neither Markdown nor a table."""

import html
import re
from collections.abc import Sequence

from xstilts.reporting import markdown


def one_line(value: object) -> str:
    """`value` without line breaks."""
    return " ".join(str(value).split())


def text(value: object) -> str:
    """`value` as running text, in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]~|#$])", r"\\\1", html.escape(one_line(value), quote=False))


def code(value: object) -> str:
    """`value` between backticks, more of them than it has itself; empty if it is."""
    line = one_line(value)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    around = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{around}{line}{around}{fence}" if line else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that `text` or `code` made; empty without rows."""
    first, *others = [[re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row] for row in (header, *rows)]
    return markdown.table(first, others) if others else ""


def details(title: str, body: str) -> list[str]:
    """The paragraphs of a `body` that is shown when the reader asks for it."""
    return [f"<details>\n<summary>{html.escape(one_line(title))}</summary>", body, "</details>"]
