"""The tables of a report about predictions: calibration and confusion matrices."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.groups import LANGUAGE, OTHERS
from xstilts.reporting.numbers import ABSENT, fixed
from xstilts.reporting.tables import (
    ReportTable,
    TableCell,
    baseline_text,
    cells_note,
    choices,
    conditions,
    difference,
    text_cells,
    without_empty,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis


def calibration_table(found: "DataFrame") -> ReportTable | None:
    """Make the table of `Analysis.calibration`, a row per target and language; None without any."""
    shown = found[(found["group"] == OTHERS) | (found["kind"] == LANGUAGE)]
    if shown.empty:
        return None
    names, rows = choices(shown), []
    for (target, condition, group), part in shown.groupby(["target", "condition", "group"], sort=False):
        own = part.set_index("intermediate")
        cells = [difference(own.loc[name]) if name in own.index else TableCell(ABSENT) for name in names]
        rows.append([*text_cells(target, condition, group, baseline_text(part)), *cells])
    caption = (
        "Expected calibration error without intermediate task, percent, and difference to it with each, percent points: below 0 "
        "is better. It is the mean distance between a probability and the share of such answers that are right, in 15 bins (Guo "
        f"et al. 2017); intervals are over runs, not over test items; {cells_note(shown)}."
    )
    return without_empty(ReportTable("calibration", caption, ["target", "options", "languages", BASELINE, *names], rows, shown))


def confusion_tables(analysis: "Analysis", confusions: "DataFrame") -> Iterator[ReportTable]:
    """Yield a table per target and condition: a row per choice, group of languages and gold label, a column per prediction."""
    suffixes = {condition: suffix for suffix, condition in conditions(analysis)}
    for (target, condition), part in confusions.groupby(["target", "condition"], sort=False):
        labels = list(part["predicted"].unique())
        rows = []
        for (choice, group, gold), own in part.groupby(["intermediate", "languages", "gold"], sort=False):
            share = own.set_index("predicted")["share"]
            cells = [TableCell(fixed(share[label]), bold=label == gold) for label in labels]
            rows.append([*text_cells(choice, group, gold), *cells, *text_cells(int(own["examples"].sum()))])
        caption = (
            f"{target}: what is predicted for each gold label, percent of its examples (of tags: words) in all seeds and "
            f"languages together; bold: right{f' ({condition})' if condition else ''}."
        )
        header = ["intermediate", "languages", "gold", *labels, "examples"]
        yield ReportTable(f"confusion_{target}{suffixes.get(condition, '')}", caption, header, rows, part)
