"""The tables of a study's report, before they take a form: HTML, Markdown, LaTeX and the terminal show the same cells.

Cells are text with one decimal, and `data` holds the numbers. If a study has several conditions, each has tables of its own,
numbered in their order.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xstilts.numbering import counted, natural
from xstilts.reporting.analysis import Analysis, place_text
from xstilts.reporting.comparison import BASELINE, choice_order
from xstilts.reporting.groups import ALL, OTHERS, PART, PHASE_2, SOURCE, UNSEEN, WHOLE, WORLD
from xstilts.reporting.numbers import (
    ABSENT,
    COLLAPSED_EXPLAINED,
    COLLAPSED_MARK,
    ITEMS_ONLY,
    SEEN_EXPLAINED,
    SEEN_MARK,
    fixed,
    interval,
    is_number,
    probability,
    signed,
)
from xstilts.reporting.statistics import ITEMS, NOTHING, SIGNIFICANT

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TITLES = {"items": "test items", "clusters": "clusters of items"}


@dataclass(frozen=True)
class TableCell:
    """The content of one place in a table."""

    text: str
    below: str = ""
    """An interval or a standard deviation, which is printed smaller."""
    bold: bool = False


@dataclass(frozen=True)
class ReportTable:
    """A table of a report."""

    name: str
    """The name of its files."""
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    data: "DataFrame"
    """A row per number, at full precision."""

    def is_numeric(self, place: int) -> bool:
        """Return True if the column holds numbers only."""
        return all(is_number(row[place].text) for row in self.rows)


def tables(analysis: Analysis) -> Iterator[ReportTable]:
    """Yield answers, differences, scores of every language, averages, collapsed runs, and problems; no table without rows."""
    if len(analysis.answers):
        yield answer_table(analysis.answers)
    for suffix, condition in conditions(analysis):
        yield from _differences(analysis, suffix, condition)
        main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
        for target, part in main.groupby("target", sort=False):
            yield _scores(part, f"scores_{target}{suffix}", _with(f"{target}: score by language, %", condition))
    yield from summary_tables(analysis)
    yield from collapse_tables(analysis)
    if len(analysis.problems):
        rows = [text_cells(row.cell, row.kind, row.reason) for row in analysis.problems.itertuples()]
        yield ReportTable(
            "problems", "Cells that failed or whose scores mean little.", list(analysis.problems.columns), rows, analysis.problems
        )


def answer_table(answers: "DataFrame") -> ReportTable:
    """Make the table of declared comparisons; `answers` are those of an analysis."""
    rows = []
    for row in answers.itertuples():
        seeds = f" ({counted(row.seeds, 'seed')})" if math.isfinite(row.seeds) else ""
        estimate = difference_cell(row.value, row.low, row.high, row.covers, row.p_corrected)
        rows.append(
            [
                *text_cells(row.family, row.question, row.condition),
                estimate,
                *text_cells(probability(row.p), probability(row.p_corrected)),
                *text_cells(row.expect, row.verdict + seeds),
            ]
        )
    header = "family,question,options,points,p,p corrected,expected,verdict".split(",")
    every = dict.fromkeys(filter(None, answers["covers"]))
    covers = ", ".join(f"{ITEMS_ONLY} {name}" if name == ITEMS else name for name in every)
    caption = (
        f"Declared comparisons. 95 % intervals in brackets are over {covers or 'nothing'}; primary and exploratory p-values are "
        f"corrected apart (Holm); bold: p ≤ {SIGNIFICANT} after correction."
    )
    return without_empty(ReportTable("answers", caption, header, rows, answers))


def summary_tables(analysis: Analysis) -> Iterator[ReportTable]:
    """Yield layers, several models, robustness, averages, the best task of each target, the paper's claims; none without rows."""
    from xstilts.reporting.extra_tables import layer_tables, model_tables, robustness_tables

    for made in (layer_tables, model_tables, robustness_tables):
        yield from made(analysis)
    if len(analysis.averages):
        yield _averages(analysis.averages)
    if len(analysis.selection):
        yield _selection(analysis.selection)
    if len(analysis.claims):
        yield _claims(analysis)


def target_tables(analysis: Analysis) -> Iterator[ReportTable]:
    """Yield a table per target and condition: intermediate choices by groups of languages.

    The groups are the source language, the other languages, those of them that phase 2 trained in or did not train in, and, in a
    synthetic world, near, far and low-resource ones.
    """
    shown = analysis.effects[analysis.effects["kind"].isin((WHOLE, PHASE_2, WORLD)) & (analysis.effects["group"] != ALL)]
    for (target, condition), part in shown.groupby(["target", "condition"], sort=False):
        by_group = dict(list(part.groupby("group", sort=False)))
        rows = [text_cells(BASELINE, *map(baseline_text, by_group.values()), "")]
        for choice in choices(part):
            own = part[part["intermediate"] == choice].set_index("group")
            cells = [difference(own.loc[group]) if group in own.index else TableCell(ABSENT) for group in by_group]
            rows.append([TableCell(choice), *cells, TableCell(str(own["seeds"].iloc[0]))])
        rows.append(text_cells("languages", *map(languages_text, by_group.values()), ""))
        rows += [[*row, TableCell("")] for row in _item_rows(by_group.values())]
        caption = f"{target}: score without intermediate task, and difference to it with each; {interval_heading(part['covers'])}"
        caption = _with(caption, condition)
        yield ReportTable(f"target_{target}", caption, ["intermediate", *by_group, "seeds"], rows, part)


def collapse_tables(analysis: Analysis) -> Iterator[ReportTable]:
    """Yield the numbers of collapsed runs, a table for each condition with such runs, and the differences without them.

    The differences are in the source language and in the others, and no p-values: runs were left out because of their scores.
    """
    for suffix, condition in conditions(analysis):
        part = analysis.collapses[analysis.collapses["condition"] == condition]
        if not part["collapsed"].any():
            continue
        found = {(row.intermediate, row.target): row for row in part.itertuples()}
        targets = list(part["target"].unique())
        rows = []
        for choice in choices(part):
            cells = [TableCell(ABSENT)] * len(targets)
            for place, target in enumerate(targets):
                if row := found.get((choice, target)):
                    cells[place] = TableCell(f"{row.collapsed} of {row.runs}", f"[{fixed(row.low, 0)}, {fixed(row.high, 0)}] %")
            rows.append([TableCell(choice), *cells])
        caption = (
            "Runs that collapsed: one answer for everything, no better than the most frequent answer, or far below the other "
            "seeds; in brackets exact 95 % intervals of the share."
        )
        caption = _with(caption, condition)
        yield ReportTable(f"collapses{suffix}", caption, ["intermediate", *targets], rows, part)
    effects = analysis.effects
    marked = effects[(effects["collapsed"] > 0) & effects["group"].isin((SOURCE, OTHERS))]
    if len(marked):
        rows = []
        for _, row in marked.iterrows():
            alone = TableCell(ABSENT)
            if not math.isnan(row["difference_without"]):
                alone = difference_cell(row["difference_without"], row["low_without"], row["high_without"], NOTHING)
            runs = f"{row['collapsed']} of {row['seeds'] + row['baseline_seeds']}"
            about = text_cells(row["target"], row["condition"], row["intermediate"], row["group"], runs)
            rows.append([*about, difference(row), alone])
        header = ["target", "options", "intermediate", "languages", "collapsed", "all runs", "without collapsed"]
        caption = (
            "Differences with collapsed runs, which may be the baseline's: of all runs, and without the collapsed ones, percent "
            "points; 95 % intervals. The latter are not tested, since runs were left out because of their scores; "
            f"{COLLAPSED_EXPLAINED}."
        )
        yield without_empty(ReportTable("without_collapsed", caption, header, rows, marked))


def conditions(analysis: Analysis) -> list[tuple[str, str]]:
    """Return, for each condition, the suffix of the names of its files, and the options that are typed for it."""
    every = list(analysis.scores["condition"].unique())
    return [(f"_{place}" if len(every) > 1 else "", condition) for place, condition in enumerate(every, start=1)]


def headline(effects: "DataFrame") -> "DataFrame":
    """Select the rows of all languages; for targets without score in the source language, those of the other languages."""
    whole = effects[effects["group"] == ALL]
    rest = effects[(effects["group"] == OTHERS) & ~effects["target"].isin(whole["target"])]
    return effects.loc[whole.index.union(rest.index)]


def choices(frame: "DataFrame") -> list[str]:
    """Return the intermediate choices of a frame, the baseline first."""
    return sorted(frame["intermediate"].unique(), key=choice_order)


def baseline_text(effects: "DataFrame") -> str:
    """Write the baseline's score in a group, over the most seeds; nothing if each choice has its own languages in the group."""
    texts = {fixed(value) for value in effects["baseline"]}
    if len(texts) > 1 and effects["kind"].isin((PHASE_2, PART)).any():
        return ABSENT
    return fixed(effects.loc[effects["baseline_seeds"].idxmax(), "baseline"])


def languages_text(effects: "DataFrame") -> str:
    """Write the number of languages of a group: `14`; `8 to 14` if choices differ."""
    least, most = int(effects["languages"].min()), int(effects["languages"].max())
    return f"{least} to {most}" if least < most else str(most)


def difference_cell(
    value: float, low: float, high: float, covers: str, p_corrected: float = math.nan, collapsed: int = 0
) -> TableCell:
    """Make the cell of a difference: bold if it is significant after correction, with marks for single and collapsed runs."""
    below = interval(low, high) + (ITEMS_ONLY if covers == ITEMS else "")
    return TableCell(signed(value) + (COLLAPSED_MARK if collapsed else ""), below, bool(p_corrected <= SIGNIFICANT))


def interval_heading(covers: Iterable[str]) -> str:
    """Name the intervals of a table for its heading, given the sources of chance that each of them covers."""
    every = set(covers) - {NOTHING}
    if every == {ITEMS}:
        return f"95 % intervals: {ITEMS}"
    if ITEMS in every:
        return f"95 % intervals, with {ITEMS_ONLY} {ITEMS}"
    return "95 % intervals" if every else "no intervals"


def cells_note(effects: "DataFrame") -> str:
    """Explain the intervals and marks of a table of differences."""
    explained = f"; {COLLAPSED_EXPLAINED}" if effects["collapsed"].any() else ""
    return f"{interval_note(effects['covers'])}{explained}"


def interval_note(covers: Iterable[str]) -> str:
    """Explain the intervals of a table, after its heading."""
    every = set(covers) - {NOTHING}
    heading = interval_heading(every)
    if not every:
        return f"{heading}: single runs without scores of test items"
    if every == {ITEMS}:
        return f"{heading}, which say nothing about another run; not tested"
    about = " (one run, not tested)" if ITEMS in every else ""
    return f"{heading}{about}; bold: p ≤ {SIGNIFICANT} after Holm's correction for all cells of the grid"


def _differences(analysis: Analysis, suffix: str, condition: str) -> Iterator[ReportTable]:
    """Yield tables of intermediate choices by targets, with the baseline's score first and the number of languages last.

    One table is over all languages; others are over the source language, the other languages, and those of them that phase 2 of a
    choice did not train in, if any did in some.
    """
    main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
    places = {row["target"]: place_text(analysis, row, "test") for row in main.to_dict("records")}
    effects = analysis.effects[analysis.effects["condition"] == condition]
    of_group = {group: effects[effects["group"] == group] for group in (SOURCE, OTHERS, UNSEEN)}
    kinds = [
        ("differences", headline(effects), "mean over languages"),
        ("differences_source", of_group[SOURCE], SOURCE),
        ("differences_others", of_group[OTHERS], f"mean over {OTHERS}"),
        ("differences_unseen", of_group[UNSEEN], f"mean over {OTHERS} that are {UNSEEN}"),
    ]
    for name, part, about in kinds:
        if part.empty:
            continue
        by_target = dict(list(part.groupby("target", sort=False)))
        rows = [text_cells(BASELINE, *map(baseline_text, by_target.values()))]
        for choice in choices(part):
            own = part[part["intermediate"] == choice].set_index("target")
            cells = [difference(own.loc[target]) if target in own.index else TableCell(ABSENT) for target in by_target]
            rows.append([TableCell(choice), *cells])
        rows.append(text_cells("languages", *map(languages_text, by_target.values())))
        rows += _item_rows(by_target.values())
        names = [f"{target} ({places[target]})" if places[target] else target for target in by_target]
        caption = f"Score without intermediate task, and difference to it with each, {about}, percent points"
        caption = _with(f"{caption}; {_seeds(part)}; {cells_note(part)}.", condition)
        yield ReportTable(f"{name}{suffix}", caption, ["intermediate", *names], rows, part)


def _item_rows(columns: Collection["DataFrame"]) -> list[list[TableCell]]:
    """Make the rows with the numbers of test items and, where it is another number, of their clusters."""
    counts = {name: [int(effects[name].max()) for effects in columns] for name in ("items", "clusters")}
    shown = [name for name in counts if any(counts[name]) and (name == "items" or counts[name] != counts["items"])]
    return [text_cells(TITLES[name], *(count or ABSENT for count in counts[name])) for name in shown]


def _seeds(effects: "DataFrame") -> str:
    """`1 seed`; `1 to 3 seeds`."""
    least, most = effects["seeds"].min(), effects["seeds"].max()
    return f"{least} to {most} seeds" if least < most else counted(most, "seed")


def difference(row: "Series") -> TableCell:
    """Return the cell of an effect: a row with `difference`, `low`, `high`, `covers`, `p_corrected` and `collapsed`."""
    return difference_cell(row["difference"], row["low"], row["high"], row["covers"], row["p_corrected"], row["collapsed"])


def _scores(part: "DataFrame", name: str, caption: str) -> ReportTable:
    """Make a table of languages by choices: means over seeds and, for several seeds, standard deviations.

    A mark shows that phase 2 of the choice trained in the language.
    """
    grouped = part.groupby(["language", "intermediate"])
    data = grouped["value"].agg(["mean", "std", "count"]).assign(seen=grouped["seen"].any()).reset_index()
    found = {(row.language, row.intermediate): row for row in data.itertuples()}
    source = set(part.loc[part["source"], "language"])
    rows = []
    for code in sorted(part["language"].unique(), key=lambda code: (code not in source, natural(code))):
        known = [found.get((code, choice)) for choice in choices(part)]
        cells = [
            TableCell(ABSENT) if one is None else TableCell(fixed(one.mean) + SEEN_MARK * one.seen, _spread(one.std))
            for one in known
        ]
        rows.append([TableCell(code), *cells])
    several = "; mean and standard deviation over seeds" if (data["count"] > 1).any() else ""
    seen = f"; {SEEN_EXPLAINED}" if data["seen"].any() else ""
    return ReportTable(name, f"{caption}{several}{seen}.", ["language", *choices(part)], rows, data)


def _averages(averages: "DataFrame") -> ReportTable:
    """Make the table of averages, a row per benchmark, split and choice."""
    header = "intermediate,options,benchmark,split,average,difference,p corrected,targets,seeds,transfer gap,over".split(",")
    rows = []
    for row in averages.itertuples():
        about = text_cells(row.intermediate, row.condition, row.benchmark, row.split)
        compared = row.difference == row.difference
        shown = difference_cell(row.difference, row.low, row.high, row.covers, row.p_corrected) if compared else TableCell("")
        p = probability(row.p_corrected) if compared else ""
        sizes = text_cells(p, row.tasks, row.seeds, fixed(row.gap), row.over)
        rows.append([*about, TableCell(fixed(row.average), _spread(row.sd)), shown, *sizes])
    caption = (
        "Means over targets, %, with the standard deviation over seeds, and differences to the choice without intermediate task, "
        f"percent points; {interval_note(averages['covers'])}. For question answering F1 counts, but in `XTREME average` and "
        "`XTREME-R average` the mean of exact match and F1, as in XTREME's tables. Transfer gap: source language minus the mean "
        "of the others."
    )
    return without_empty(ReportTable("averages", caption, header, rows, averages))


def _selection(selection: "DataFrame") -> ReportTable:
    """Make the table of the best intermediate task of each target, chosen on validation data."""
    about_choice = "options,target,chosen on,candidates,best in all seeds,runs reported".split(",")
    header = [*about_choice, "score", "gain", "p corrected", "seeds", "upper bound", "over"]
    rows = []
    for row in selection.itertuples():
        about = text_cells(row.condition, row.target, row.chosen_on, row.candidates, row.chosen, row.reported)
        known = row.gain == row.gain
        shown = difference_cell(row.gain, row.low, row.high, row.covers, row.p_corrected) if known else TableCell(ABSENT)
        rest = text_cells(probability(row.p_corrected), row.seeds, signed(row.upper_bound), row.over)
        rows.append([*about, TableCell(fixed(row.score)), shown, *rest])
    caption = (
        "Gain of the best intermediate task, chosen on validation data and reported on test data, percent points; "
        f"{interval_note(selection['covers'])}. Each seed reports the choice that is best on the validation data of the other "
        "seeds; a single seed reports the choice that is best in itself, so its gain is too large. Upper bound: the gain of the "
        "best choice on the test data, which no choice on other data can promise."
    )
    return without_empty(ReportTable("selection", caption, header, rows, selection))


def _claims(analysis: Analysis) -> ReportTable:
    """Make the table of the paper's claims."""
    rows = []
    for row in analysis.claims.itertuples():
        paper = "" if math.isnan(row.paper) else signed(row.paper)
        known = row.difference == row.difference
        shown = difference_cell(row.difference, row.low, row.high, row.covers, row.p_corrected) if known else TableCell(ABSENT)
        about = text_cells(row.condition, row.claim + ("" if row.confirmed else " (unconfirmed)"), paper, row.split)
        rows.append([*about, shown, *text_cells(probability(row.p_corrected), row.seeds, row.verdict, row.over)])
    caption = (
        "Claims of Phang et al. (2020) about XLM-R Large, tested on this study, percent points; "
        f"{interval_note(analysis.claims['covers'])}. Unconfirmed: the claim or its figure is from recollection."
    )
    header = "options,claim,paper,data,difference,p corrected,seeds,verdict,targets".split(",")
    return without_empty(ReportTable("claims", caption, header, rows, analysis.claims))


def text_cells(*texts: object) -> list[TableCell]:
    """Make cells of plain texts."""
    return [TableCell(str(text)) for text in texts]


def without_empty(table: ReportTable) -> ReportTable:
    """Remove columns that are empty in every row."""
    kept = [place for place in range(len(table.header)) if any(row[place].text for row in table.rows)]
    rows = [[row[place] for place in kept] for row in table.rows]
    return replace(table, header=[table.header[place] for place in kept], rows=rows)


def _with(text: str, condition: str) -> str:
    return f"{text} ({condition})" if condition else text


def _spread(deviation: float) -> str:
    return "" if math.isnan(deviation) else f"± {fixed(deviation)}"
