"""Tables in the terminal: the scores that end a cell, the differences of a study, and its predictions."""

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xstilts.numbering import counted, natural
from xstilts.reporting.numbers import ABSENT, fixed
from xstilts.reporting.summary import ENGLISH, mean_of_others, scores, source_language, source_score, transfer_gap
from xstilts.reporting.views.answer import answer_section, answer_text
from xstilts.tasks.declaration import SPLITS

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Group, RenderableType
    from rich.table import Table

    from xstilts.reporting.analysis import Analysis
    from xstilts.reporting.predictions import Predictions
    from xstilts.reporting.tables import ReportTable

NO_GOLD = "no gold"
FIRST_WIDTH = len("mean of the others")
ScoreRows = list[Mapping[str, Any]]


class ScoreColumn(NamedTuple):
    """The score that one column of a cell's table shows."""

    split: str
    metric: str
    layer: int | None
    pooling: str | None

    @property
    def title(self) -> str:
        """Header, one property per line."""
        layer = None if self.layer is None else f"layer {self.layer}"
        return "\n".join(part for part in (self.split, self.metric, layer, self.pooling) if part)


def cell_text(result: Mapping[str, Any], width: int | None = None) -> str:
    """Return title, table and warnings of a cell as plain text, the same on every machine.

    A row per language, the source language first; a column per split and metric, for retrieval also per layer and pooling.
    Values have the metric's own unit and one decimal; "-" is a language that the split does not have. Below, if there are several
    languages: the source language, the mean of the others, the transfer gap. Without `width` it is as wide as it needs to be.
    """
    return _plain(lambda width: _cell(result, width), width)


def show_cell(result: Mapping[str, Any]) -> None:
    """Write the same to standard output: styled on a terminal, plain otherwise."""
    _write(lambda width: _cell(result, width))


def study_text(analysis: "Analysis", width: int | None = None) -> str:
    """Return the answer, and a table of differences per target, as plain text: intermediate choices by groups of languages."""
    return _plain(lambda _: _study(analysis), width)


def show_study(analysis: "Analysis") -> None:
    """Write the same to standard output: styled on a terminal, plain otherwise."""
    _write(lambda _: _study(analysis))


def show_predictions(found: "Predictions", examples: "Sequence[DataFrame]", limit: int) -> None:
    """Write the tables of predictions, and at most `limit` of the selected examples, to standard output."""
    _write(lambda _: _predictions(found, examples, limit))


def _predictions(found: "Predictions", examples: "Sequence[DataFrame]", limit: int) -> "Group":
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for table in found.tables:
        parts += [Text(table.caption, style="bold"), _report_table(table)]
    parts += [Text(f"Without texts: {reason}.", style="yellow") for reason in found.left_out]
    for rows in examples[:limit]:
        target, condition, item = rows.iloc[0][["target", "condition", "item"]]
        parts += [Text(" ".join(filter(None, [target, condition, item])), style="bold"), _example(rows)]
    parts.append(Text(f"{min(limit, len(examples))} of {counted(len(examples), 'example')}."))
    return Group(*parts)


def _example(rows: "DataFrame") -> "Table":
    from rich.text import Text

    choices = list(rows["intermediate"].unique())
    shown = _new_table("language", ["text", "gold", *choices], wrap=True)
    for column in shown.columns:
        column.justify = "left"
    for language, own in rows.groupby("language", sort=False):
        answers = {row.intermediate: row for row in own.itertuples()}
        cells = []
        for choice in choices:
            if (row := answers.get(choice)) is None:
                cells.append(Text(ABSENT))
                continue
            sure = "" if row.confidence is None or row.confidence != row.confidence else f", {fixed(row.confidence, 2)}"
            right = 2 * row.right > row.runs
            cells.append(Text(f"{row.prediction} ({row.right} of {row.runs} right{sure})", style="bold" if right else ""))
        first = own.iloc[0]
        shown.add_row(Text(str(language)), Text(first["text"] or ABSENT), Text(first["gold"]), *cells)
    return shown


def _plain(content: Callable[[int], "RenderableType"], width: int | None = None) -> str:
    from rich.console import Console

    text = io.StringIO()
    # All of it is given, so that COLUMNS, FORCE_COLOR and the like have no effect.
    console = Console(
        file=text,
        width=width or 10_000,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    console.print(content(console.width))
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").split("\n")) + "\n"


def _write(content: Callable[[int], "RenderableType"]) -> None:
    from rich.console import Console

    if sys.stdout.isatty():
        console = Console(force_jupyter=False)
        console.print(content(console.width))
    else:
        sys.stdout.write(_plain(content))


def _new_table(first: str, others: Sequence[str], wrap: bool = False) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column(first, no_wrap=True, vertical="bottom", min_width=None if wrap else FIRST_WIDTH)
    for title in others:
        table.add_column(Text(title), justify="right", no_wrap=not wrap, vertical="bottom")
    return table


def _study(analysis: "Analysis") -> "Group":
    from rich.console import Group
    from rich.text import Text

    from xstilts.reporting.tables import cells_note, collapse_tables, summary_tables, target_tables

    title, _, answer = answer_text(answer_section(analysis)).partition("\n")
    parts: list[RenderableType] = [Text(title, style="bold"), Text(answer)]
    for table in target_tables(analysis):
        parts += [Text(f"{table.caption}.", style="bold"), _report_table(table)]
    compared = len(parts) > 2
    if not compared:
        parts.append(Text("There is nothing to compare: no target has both the choice none and another with a seed in common."))
    for table in summary_tables(analysis):
        parts += [Text(table.caption, style="bold"), _report_table(table)]
    if compared:
        parts.append(Text(f"Percentage points; {cells_note(analysis.effects)}."))
    for table in collapse_tables(analysis):
        parts += [Text(table.caption, style="bold"), _report_table(table)]
    if len(analysis.problems):
        parts.append(Text(f"Problems: {len(analysis.problems)}; the report lists them.", style="yellow"))
    return Group(*parts)


def _report_table(table: "ReportTable") -> "Table":
    from rich.text import Text

    shown = _new_table(table.header[0], [title.replace(" ", "\n") for title in table.header[1:]], wrap=True)
    for row in table.rows:
        texts = [Text(" ".join(filter(None, (cell.text, cell.below))), style="bold" if cell.bold else "") for cell in row]
        shown.add_row(*texts)
    return shown


def _cell(result: Mapping[str, Any], width: int) -> "Group":
    from rich.console import Group
    from rich.text import Text

    cell = result["cell"]
    intermediate = cell["intermediate"] or "none"
    names = intermediate if isinstance(intermediate, str) else "+".join(intermediate)
    title = Text(f"{names} -> {cell['target']}, seed {cell['seed']}", style="bold")
    warnings = [Text(f"degenerate: {text}", style="yellow") for text in result["degenerate"]]
    source = source_language(result)
    return Group(title, *(_score_table(columns, source) for columns in _side_by_side(result, width)), *warnings)


def _side_by_side(result: Mapping[str, Any], width: int) -> Iterator[dict[ScoreColumn, ScoreRows]]:
    """Split the columns into tables that fit into the width, each with at least one column."""
    columns: dict[ScoreColumn, ScoreRows] = {}
    for row in result["rows"]:
        column = ScoreColumn(row["split"], row["metric"], row.get("layer"), row.get("pooling"))
        columns.setdefault(column, []).append(row)
    fitting: dict[ScoreColumn, ScoreRows] = {}
    used = FIRST_WIDTH
    for column, rows in sorted(columns.items(), key=lambda item: SPLITS.index(item[0].split)):
        needed = 3 + max(len(part) for part in (*column.title.split("\n"), NO_GOLD))
        if fitting and used + needed >= width:
            yield fitting
            fitting, used = {}, FIRST_WIDTH
        fitting[column] = rows
        used += needed
    yield fitting


def _score_table(columns: Mapping[ScoreColumn, ScoreRows], source: str) -> "Table":
    table = _new_table("language", [column.title for column in columns])
    languages = {str(row["language"]) for rows in columns.values() for row in rows}
    for language in sorted(languages, key=lambda code: (code != source, natural(code))):
        table.add_row(language, *(_score(rows, language) for rows in columns.values()))
    if len(languages) < 2:
        return table
    table.add_section()
    for name, summary in (
        ("English" if source == ENGLISH else source, source_score),
        (_others(columns, source), mean_of_others),
        ("transfer gap", transfer_gap),
    ):
        values = [summary(rows, source) for rows in columns.values()]
        if any(value is not None for value in values):
            table.add_row(name, *("" if value is None else fixed(value) for value in values), style="bold")
    return table


def _others(columns: Mapping[ScoreColumn, ScoreRows], source: str) -> str:
    """Return `mean of 14 others`; if columns have different languages, from the fewest to the most: `mean of 3-14 others`."""
    counts = {len(scores(rows).keys() - {source}) for rows in columns.values()} - {0}
    if len(counts) > 1:
        return f"mean of {min(counts)}-{max(counts)} others"
    return f"mean of {counted(counts.pop(), 'other')}" if counts else "mean of the others"


def _score(rows: ScoreRows, language: str) -> str:
    found = [row["value"] for row in rows if row["language"] == language]
    if not found:
        return ABSENT
    return NO_GOLD if found[0] is None else fixed(found[0])
