"""The tables of a study's report, before they take a form: HTML, Markdown, LaTeX and the terminal show the same cells.

Cells are text with one decimal, and `data` holds the numbers. If a study has several conditions, each has tables of its own,
numbered in their order.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xstilts.reporting.analysis import Analysis
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.groups import ALL, OTHERS, PHASE_2, SOURCE, UNSEEN, WHOLE, WORLD
from xstilts.reporting.numbers import (
    ABSENT,
    ITEMS_ONLY,
    SEEN_EXPLAINED,
    SEEN_MARK,
    fixed,
    interval,
    is_number,
    probability,
    signed,
)
from xstilts.reporting.published import THEIRS
from xstilts.reporting.scaling import LAWS
from xstilts.reporting.statistics import ITEMS, NOTHING, SIGNIFICANT, holm

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from xstilts.reporting.diversity import DiversitySlope
    from xstilts.reporting.scaling import Curve
    from xstilts.reporting.slopes import Slope

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
    """Yield answers, differences, scores of every language, averages, and problems; no table without rows."""
    if len(analysis.answers):
        yield answer_table(analysis.answers)
    for suffix, condition in conditions(analysis):
        yield from _differences(analysis, suffix, condition)
        main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
        for target, part in main.groupby("target", sort=False):
            yield _scores(part, f"scores_{target}{suffix}", _with(f"{target}: score by language, %", condition))
    if len(analysis.averages):
        yield _averages(analysis.averages)
    if len(analysis.problems):
        rows = [_cells(row.cell, row.kind, row.reason) for row in analysis.problems.itertuples()]
        yield ReportTable(
            "problems", "Cells that failed or whose scores mean little.", list(analysis.problems.columns), rows, analysis.problems
        )


def answer_table(answers: "DataFrame") -> ReportTable:
    """Make the table of declared comparisons; `answers` are those of an analysis."""
    rows = []
    for row in answers.itertuples():
        seeds = f" ({row.seeds:.0f} seeds)" if math.isfinite(row.seeds) else ""
        estimate = difference_cell(row.value, row.low, row.high, row.covers, row.p_corrected)
        rows.append(
            [
                *_cells(row.family, row.question, row.condition),
                estimate,
                *_cells(probability(row.p), probability(row.p_corrected)),
                *_cells(row.expect, row.verdict + seeds),
            ]
        )
    header = "family,question,options,points,p,p corrected,expected,verdict".split(",")
    every = dict.fromkeys(filter(None, answers["covers"]))
    covers = ", ".join(f"{ITEMS_ONLY} {name}" if name == ITEMS else name for name in every)
    caption = (
        f"Declared comparisons. 95 % intervals in brackets are over {covers or 'nothing'}; primary and exploratory p-values are "
        f"corrected apart (Holm); bold: p ≤ {SIGNIFICANT} after correction."
    )
    return _without_empty(ReportTable("answers", caption, header, rows, answers))


def target_tables(analysis: Analysis) -> Iterator[ReportTable]:
    """Yield a table per target and condition: intermediate choices by groups of languages.

    The groups are the source language, the other languages, those of them that phase 2 trained in or did not train in, and, in a
    synthetic world, near, far and low-resource ones.
    """
    shown = analysis.effects[analysis.effects["kind"].isin((WHOLE, PHASE_2, WORLD)) & (analysis.effects["group"] != ALL)]
    for (target, condition), part in shown.groupby(["target", "condition"], sort=False):
        by_group = dict(list(part.groupby("group", sort=False)))
        rows = [_cells(BASELINE, *map(baseline_text, by_group.values()), "")]
        for choice in choices(part):
            own = part[part["intermediate"] == choice].set_index("group")
            cells = [_difference(own.loc[group]) if group in own.index else TableCell(ABSENT) for group in by_group]
            rows.append([TableCell(choice), *cells, TableCell(str(own["seeds"].iloc[0]))])
        rows.append(_cells("languages", *map(languages_text, by_group.values()), ""))
        rows += [[*row, TableCell("")] for row in _item_rows(by_group.values())]
        caption = f"{target}: score without intermediate task, and difference to it with each; {interval_heading(part['covers'])}"
        caption = _with(caption, condition)
        yield ReportTable(f"target_{target}", caption, ["intermediate", *by_group, "seeds"], rows, part)


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
    return sorted(frame["intermediate"].unique(), key=lambda name: (name != BASELINE, name))


def baseline_text(effects: "DataFrame") -> str:
    """Write the baseline's score in a group, over the most seeds; nothing if each choice has its own languages in the group."""
    texts = {fixed(value) for value in effects["baseline"]}
    if len(texts) > 1 and (effects["kind"] == PHASE_2).any():
        return ABSENT
    return fixed(effects.loc[effects["baseline_seeds"].idxmax(), "baseline"])


def languages_text(effects: "DataFrame") -> str:
    """Write the number of languages of a group: `14`; `8 to 14` if choices differ."""
    least, most = int(effects["languages"].min()), int(effects["languages"].max())
    return f"{least} to {most}" if least < most else str(most)


def difference_cell(value: float, low: float, high: float, covers: str, p_corrected: float) -> TableCell:
    """Make the cell of a difference: bold if it is significant after correction, with a mark if a single run was compared."""
    below = interval(low, high) + (ITEMS_ONLY if covers == ITEMS else "")
    return TableCell(signed(value), below, bool(p_corrected <= SIGNIFICANT))


def interval_heading(covers: Iterable[str]) -> str:
    """Name the intervals of a table for its heading, given the sources of chance that each of them covers."""
    every = set(covers) - {NOTHING}
    if every == {ITEMS}:
        return f"95 % intervals: {ITEMS}"
    if ITEMS in every:
        return f"95 % intervals, with {ITEMS_ONLY} {ITEMS}"
    return "95 % intervals" if every else "no intervals"


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


def scaling_table(curves: Sequence["Curve"]) -> ReportTable:
    """Make the table of laws of nested sizes, a row per target and group of languages."""
    from pandas import DataFrame

    header = "target,options,intermediate,languages,law,log %,power %,neither %,score,sizes,seeds".split(",")
    rows, data = [], []
    for one in curves:
        law = one.law
        about = [one.target, one.condition, one.intermediate, one.group, law.name]
        chances = [law.probability[name] for name in LAWS]
        shown = [fixed(100 * chance, 0) for chance in chances]
        rows.append(_cells(*about, *shown, law.formula(), " ".join(map(str, one.sizes)), len(one.seeds)))
        columns = one.sizes, one.scores.mean(axis=0), law.at(one.sizes), *law.band(one.sizes)
        own = [*about, law.formula(), *chances]
        data += [[*own, size, *map(float, values), len(one.seeds)] for size, *values in zip(*columns, strict=True)]
    names = "target options intermediate languages law formula log power neither size score fitted low high seeds".split()
    caption = (
        "How scores grow with the number n of the intermediate task's training examples: the most probable law, the probability "
        f"of each, and the better one of the two laws. {bands(curves)}"
    )
    return _without_empty(ReportTable("scaling", caption, header, rows, DataFrame(data, columns=names)))


def bands(curves: Sequence["Curve"]) -> str:
    """Say what the bands of curves cover."""
    if any(len(one.seeds) == 1 for one in curves):
        return "One seed: the band covers how sizes deviate from a law, not another seed."
    return "Bands cover seeds, how sizes deviate from a law, and the choice of the law."


def slope_table(slopes: Sequence["Slope"]) -> ReportTable:
    """Make the table of regressions on distance, a row per target, outcome and kind of distance."""
    from pandas import DataFrame

    about = ["target", "options", "of", "distance"]
    sizes = ["languages", "families", "seeds"]
    header = [*about, "per 0.1 of distance", "p corrected", *sizes, "between families", "between languages", "rest"]
    names = [*about, *"slope low high p p_corrected".split(), *sizes, *"observations family_sd language_sd rest_sd".split()]
    rows, data = [], []
    for one, p in zip(slopes, holm([one.p for one in slopes]), strict=True):
        line, own = one.line, [one.target, one.condition, one.outcome, one.kind]
        slope = TableCell(signed(line.slope / 10), interval(line.low / 10, line.high / 10), p <= SIGNIFICANT)
        counts, spreads = [line.units, line.families, one.seeds], [line.family_sd, line.unit_sd, line.rest_sd]
        written = [line.units, line.families or "", one.seeds, fixed(line.family_sd, unknown=""), *map(fixed, spreads[1:])]
        rows.append([*_cells(*own), slope, *_cells(probability(p), *written)])
        data.append([*own, line.slope, line.low, line.high, one.p, p, *counts, line.observations, *spreads])
    caption = (
        "Percent points that a distance of 0.1 to the source language adds, by a regression over the languages' means in which "
        "each family has a level of its own; the last columns are standard deviations. 95 % intervals over languages in "
        f"brackets; bold: p ≤ {SIGNIFICANT} after Holm's correction; one seed is not tested."
    )
    return _without_empty(ReportTable("typology", caption, header, rows, DataFrame(data, columns=names)))


def diversity_table(slopes: Sequence["DiversitySlope"]) -> ReportTable:
    """Make the table of regressions on the diversity of intermediate languages, without those that have too few sets."""
    from pandas import DataFrame

    lines = [(one, one.line) for one in slopes if one.line]
    rows, data = [], []
    for (one, line), p in zip(lines, holm([line.p for _, line in lines]), strict=True):
        slope = TableCell(signed(line.slope / 10), interval(line.low / 10, line.high / 10), p <= SIGNIFICANT)
        own, counts = [one.condition, one.tasks, one.kind], [one.sets, one.targets, one.seeds]
        rows.append([*_cells(*own), slope, *_cells(probability(p), *counts, fixed(line.unit_sd))])
        data.append([*own, line.slope, line.low, line.high, line.p, p, *counts, line.unit_sd])
    about, sizes = ["options", "intermediate", "distance"], ["sets", "targets", "seeds"]
    header = [*about, "per 0.1 of diversity", "p corrected", *sizes, "between sets"]
    names = [*about, *"slope low high p p_corrected".split(), *sizes, "set_sd"]
    caption = (
        "Percent points of gain in languages that phase 2 did not train in, for 0.1 more diversity of its languages, by a "
        "regression over sets of languages; the last column is a standard deviation. 95 % intervals over sets in brackets; bold: "
        f"p ≤ {SIGNIFICANT} after Holm's correction."
    )
    return _without_empty(ReportTable("diversity", caption, header, rows, DataFrame(data, columns=names)))


def published_table(beside: "DataFrame") -> ReportTable:
    """Make the table of a study's scores beside published ones, which a dagger marks; `beside` is from `published.beside`."""
    rows = []
    for row in beside.itertuples(index=False):
        target, origin, model, metric, split, languages, value, source = row
        mark = " †" if origin == THEIRS else ""
        rows.append(_cells(target, f"{model}{mark}", metric, split, languages, fixed(value), source))
    header = ["target", "model", "metric", "split", "languages", "score", "source"]
    caption = (
        "Means over languages. † published by others, with other models, hyperparameters and scripts: for orientation, and no "
        "measure of this study."
    )
    return ReportTable("published", caption, header, rows, beside)


def _differences(analysis: Analysis, suffix: str, condition: str) -> Iterator[ReportTable]:
    """Yield tables of intermediate choices by targets, with the baseline's score first and the number of languages last.

    One table is over all languages; others are over the source language, the other languages, and those of them that phase 2 of a
    choice did not train in, if any did in some.
    """
    main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
    split_of = dict(zip(main["target"], main["split"], strict=True))
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
        rows = [_cells(BASELINE, *map(baseline_text, by_target.values()))]
        for choice in choices(part):
            own = part[part["intermediate"] == choice].set_index("target")
            cells = [_difference(own.loc[target]) if target in own.index else TableCell(ABSENT) for target in by_target]
            rows.append([TableCell(choice), *cells])
        rows.append(_cells("languages", *map(languages_text, by_target.values())))
        rows += _item_rows(by_target.values())
        names = [target if split_of[target] == "test" else f"{target} ({split_of[target]})" for target in by_target]
        caption = f"Score without intermediate task, and difference to it with each, {about}, percent points"
        caption = _with(f"{caption}; {_seeds(part)}; {interval_note(part['covers'])}.", condition)
        yield ReportTable(f"{name}{suffix}", caption, ["intermediate", *names], rows, part)


def _item_rows(columns: Collection["DataFrame"]) -> list[list[TableCell]]:
    """Make the rows with the numbers of test items and, where it is another number, of their clusters."""
    counts = {name: [int(effects[name].max()) for effects in columns] for name in ("items", "clusters")}
    shown = [name for name in counts if any(counts[name]) and (name == "items" or counts[name] != counts["items"])]
    return [_cells(TITLES[name], *(count or ABSENT for count in counts[name])) for name in shown]


def _seeds(effects: "DataFrame") -> str:
    """`1 seed`; `1 to 3 seeds`."""
    least, most = int(effects["seeds"].min()), int(effects["seeds"].max())
    return f"{least} to {most} seeds" if least < most else f"{most} seed{'s' * (most > 1)}"


def _difference(row: "Series") -> TableCell:
    return difference_cell(row["difference"], row["low"], row["high"], row["covers"], row["p_corrected"])


def _scores(part: "DataFrame", name: str, caption: str) -> ReportTable:
    """Make a table of languages by choices: means over seeds and, for several seeds, standard deviations.

    A mark shows that phase 2 of the choice trained in the language.
    """
    grouped = part.groupby(["language", "intermediate"])
    data = grouped["value"].agg(["mean", "std", "count"]).assign(seen=grouped["seen"].any()).reset_index()
    found = {(row.language, row.intermediate): row for row in data.itertuples()}
    source = set(part.loc[part["source"], "language"])
    rows = []
    for code in sorted(part["language"].unique(), key=lambda code: (code not in source, code)):
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
    header = ["options", "benchmark", "intermediate", "average", "targets", "seeds", "transfer gap", "over"]
    rows = [
        [
            *_cells(row.condition, row.benchmark, row.intermediate),
            TableCell(fixed(row.average), _spread(row.sd)),
            *_cells(row.tasks, row.seeds, fixed(row.gap), row.over),
        ]
        for row in averages.itertuples()
    ]
    caption = (
        "Means over targets, %, with the standard deviation over seeds: of a benchmark over its own languages, and over the "
        "targets that every choice has. Transfer gap: source language minus the mean of the others."
    )
    return _without_empty(ReportTable("averages", caption, header, rows, averages))


def _cells(*texts: object) -> list[TableCell]:
    return [TableCell(str(text)) for text in texts]


def _without_empty(table: ReportTable) -> ReportTable:
    """Remove columns that are empty in every row."""
    kept = [place for place in range(len(table.header)) if any(row[place].text for row in table.rows)]
    rows = [[row[place] for place in kept] for row in table.rows]
    return replace(table, header=[table.header[place] for place in kept], rows=rows)


def _with(text: str, condition: str) -> str:
    return f"{text} ({condition})" if condition else text


def _spread(deviation: float) -> str:
    return "" if math.isnan(deviation) else f"± {fixed(deviation)}"
