"""Text, tables and numbers in Markdown. Names come from configs, data and result files: whatever is in them, they stay text."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from xstilts.reporting.gain import Gain
from xstilts.reporting.table import ABSENT, number, signed


def one_line(value: object) -> str:
    """`value` without line breaks."""
    return " ".join(str(value).split())


def text(value: object) -> str:
    """`value` as running text, in which nothing is Markdown or HTML; an underscore between letters is none."""
    escaped = re.sub(r"([\\`*\[\]~|#$])", r"\\\1", html.escape(one_line(value), quote=False))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)


def code(value: object) -> str:
    """`value` between backticks, more of them than it has itself; empty if it is."""
    line = one_line(value)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    around = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{around}{line}{around}{fence}" if line else ""


def details(title: str, body: str) -> list[str]:
    """The paragraphs of a `body` that is shown when the reader asks for it."""
    return [f"<details>\n<summary>{html.escape(one_line(title))}</summary>", body, "</details>"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that `text`, `code` or a function below made; empty without rows.

    Columns of numbers stand to the right; columns that are empty in every row are left out.
    """
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    numeric = {column for column in kept if all(_numeric(row[column]) for row in rows)}
    rule = ["---:" if column in numeric else "---" for column in kept]
    lines = [[header[column] for column in kept], rule, *([row[column] for column in kept] for row in rows)]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines) if rows else ""


def per_seed(values: Mapping[int, float | None], form: Callable[[float], str] = number) -> str:
    """The mean over seeds and, of several, each seed's value; absent where a seed has none."""
    known = [value for value in values.values() if value is not None]
    if not known or len(known) < len(values):
        return ABSENT
    return with_seeds(fmean(known), values, form)


def with_seeds(value: float | None, values: Mapping[int, float | None], form: Callable[[float], str] = number) -> str:
    """A value and, of several seeds, theirs."""
    if all(one is None for one in (value, *values.values())):
        return ABSENT
    each = " ".join(ABSENT if one is None else form(one) for one in values.values())
    return (ABSENT if value is None else form(value)) + (f" ({each})" if len(values) > 1 else "")


def gain_text(gain: Gain) -> str:
    """`**+3.2** [1.0, 5.4]`: bold where the interval excludes 0."""
    return f"{gain_value(gain)} [{number(gain.low)}, {number(gain.high)}]"


def gain_value(gain: Gain) -> str:
    """The value, bold where the interval excludes 0."""
    return f"**{signed(gain.value)}**" if is_certain(gain) else signed(gain.value)


def is_certain(gain: Gain) -> bool:
    """Return whether the interval excludes 0."""
    return gain.low > 0 or gain.high < 0


def seed_range(gain: Gain) -> str:
    """The gain of the lowest and the highest seed; empty for one seed."""
    values = gain.by_seed.values()
    return f"{signed(min(values))} to {signed(max(values))}" if len(values) > 1 else ""


def _cell(text: str) -> str:
    """A pipe inside a cell, such as one in code, does not end it."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def _numeric(text: str) -> bool:
    return text in ("", ABSENT) or text.lstrip("*+-")[:1].isdigit()
