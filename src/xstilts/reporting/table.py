"""The table that ends a cell: every language's score, and what of the source language reaches the others."""

import io
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from xstilts.reporting.summary import ENGLISH, mean_of_others, scores, source_language, source_score, transfer_gap
from xstilts.tasks.declaration import SPLITS

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

ABSENT = "-"
NO_GOLD = "no gold"
FIRST_WIDTH = len("mean of the others")


class Column(NamedTuple):
    """What is measured in one column."""

    split: str
    metric: str
    layer: int | None
    pooling: str | None

    @property
    def title(self) -> str:
        """Header, one property per line."""
        layer = None if self.layer is None else f"layer {self.layer}"
        return "\n".join(part for part in (self.split, self.metric, layer, self.pooling) if part)


def cell_table(result: Mapping[str, Any]) -> "Table":
    """A cell's scores: a row per language, the source language first; a column per split and
    metric, of retrieval also per layer and pooling.

    `result` is as in xstilts.store.results. Values have the metric's own unit and one decimal; "-" is a language that the
    split does not have. Below, where there are several languages: the source language, the mean of the others, the transfer gap.
    """
    return _table(_columns(result), source_language(result))


def _columns(result: Mapping[str, Any]) -> dict[Column, list[Mapping[str, Any]]]:
    columns: dict[Column, list[Mapping[str, Any]]] = {}
    for row in result["rows"]:
        column = Column(row["split"], row["metric"], row.get("layer"), row.get("pooling"))
        columns.setdefault(column, []).append(row)
    return dict(sorted(columns.items(), key=lambda item: SPLITS.index(item[0].split)))


def _table(columns: Mapping[Column, list[Mapping[str, Any]]], source: str) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("language", no_wrap=True, vertical="bottom", min_width=FIRST_WIDTH)
    for column in columns:
        table.add_column(Text(column.title), justify="right", no_wrap=True)
    languages = {str(row["language"]) for rows in columns.values() for row in rows}
    for language in sorted(languages, key=lambda code: (code != source, code)):
        table.add_row(language, *(_cell(rows, language) for rows in columns.values()))
    if len(languages) < 2:
        return table
    table.add_section()
    name_of_source = "English" if source == ENGLISH else source
    for name, summary in (
        (name_of_source, source_score),
        (_others(columns, source), mean_of_others),
        ("transfer gap", transfer_gap),
    ):
        values = [summary(rows, source) for rows in columns.values()]
        if any(value is not None for value in values):
            table.add_row(name, *("" if value is None else number(value) for value in values), style="bold")
    return table


def _others(columns: Mapping[Column, list[Mapping[str, Any]]], source: str) -> str:
    """`mean of 14 others`; where columns have different languages from the fewest to the most, `mean of 3-14 others`."""
    counts = {len(scores(rows).keys() - {source}) for rows in columns.values()} - {0}
    return f"mean of {'-'.join(map(str, sorted({min(counts), max(counts)})))} others" if counts else "mean of the others"


def render(result: Mapping[str, Any], width: int | None = None) -> str:
    """Title, table and warnings as plain text, the same on every machine; as wide as it needs to be unless `width` is given."""
    return plain(lambda width: _whole(result, width), width)


def show(result: Mapping[str, Any]) -> None:
    """Write the same to standard output: styled on a terminal, plain otherwise."""
    write(lambda width: _whole(result, width))


def plain(content: Callable[[int], "RenderableType"], width: int | None = None) -> str:
    """What `content` gives for a width in characters, as plain text without trailing blanks; without `width`: of any width."""
    from rich.console import Console

    text = io.StringIO()
    # An empty environment: COLUMNS, FORCE_COLOR and the like do not count here.
    console = Console(file=text, width=width or 10_000, color_system=None, legacy_windows=False, _environ={})
    console.print(content(console.width))
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n")) + "\n"


def write(content: Callable[[int], "RenderableType"]) -> None:
    """Write what `content` gives for a width to standard output: styled on a terminal, plain otherwise."""
    from rich.console import Console

    if sys.stdout.isatty():
        console = Console()
        console.print(content(console.width))
    else:
        sys.stdout.write(plain(content))


def number(value: float) -> str:
    """One decimal, and never a negative zero."""
    return f"{value:z.1f}"


def signed(value: float) -> str:
    """The same of a difference."""
    return f"{value:+z.1f}"


def _whole(result: Mapping[str, Any], width: int) -> "Group":
    from rich.console import Group
    from rich.text import Text

    cell = result["cell"]
    intermediate = cell["intermediate"] or "none"
    names = intermediate if isinstance(intermediate, str) else "+".join(intermediate)
    title = Text(f"{names} -> {cell['target']}, seed {cell['seed']}", style="bold")
    warnings = [Text(f"degenerate: {text}", style="yellow") for text in result["degenerate"]]
    # Columns that do not fit beside the others go into a further table below.
    blocks: list[dict[Column, list[Mapping[str, Any]]]] = [{}]
    used = FIRST_WIDTH
    for column, rows in _columns(result).items():
        needed = 3 + max(len(part) for part in (*column.title.split("\n"), NO_GOLD))
        if blocks[-1] and used + needed >= width:
            blocks.append({})
            used = FIRST_WIDTH
        blocks[-1][column] = rows
        used += needed
    return Group(title, *(_table(block, source_language(result)) for block in blocks), *warnings)


def _cell(rows: list[Mapping[str, Any]], language: str) -> str:
    found = [row["value"] for row in rows if row["language"] == language]
    if not found:
        return ABSENT
    return NO_GOLD if found[0] is None else number(found[0])
