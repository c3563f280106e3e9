"""The tables of a study's report: what an analysis tells, in the shape of a paper's tables.

Cells are text with one decimal, and `data` holds the numbers. Where a study has several conditions, each has tables of its own,
numbered in their order.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from xstilts.reporting.analysis import ALL, OTHERS, SOURCE, Analysis
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.latex import Cell, Table
from xstilts.reporting.published import THEIRS
from xstilts.reporting.statistics import SIGNIFICANT
from xstilts.reporting.table import ABSENT, number, signed

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from xstilts.reporting.scaling import Curve
    from xstilts.reporting.slopes import Slope

_INTERVAL = "95 % intervals in brackets; bold: p ≤ 0.05 after Holm's correction for all cells of the grid"


def tables(analysis: Analysis) -> Iterator[Table]:
    """Differences, scores of every language, averages, and what went wrong; none of them without rows."""
    for suffix, condition in conditions(analysis):
        yield from _differences(analysis, suffix, condition)
        main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
        for target, part in main.groupby("target", sort=False):
            yield _scores(part, f"scores_{target}{suffix}", _of(f"{target}: score by language, %", condition))
    if len(analysis.averages):
        yield _averages(analysis.averages)
    if len(analysis.problems):
        rows = [[Cell(str(row.cell)), Cell(str(row.kind)), Cell(str(row.reason))] for row in analysis.problems.itertuples()]
        yield Table(
            "problems", "Cells that failed or whose scores mean little.", _titles(analysis.problems), rows, analysis.problems
        )


def conditions(analysis: Analysis) -> list[tuple[str, str]]:
    """For each condition what ends the names of its files, and how it is typed."""
    every = list(analysis.scores["condition"].unique())
    return [(f"_{place}" if len(every) > 1 else "", condition) for place, condition in enumerate(every, start=1)]


def headline(effects: "DataFrame") -> "DataFrame":
    """The rows of all languages; of targets without score in the source language, those of the other languages."""
    whole = effects[effects["group"] == ALL]
    rest = effects[(effects["group"] == OTHERS) & ~effects["target"].isin(whole["target"])]
    return effects.loc[whole.index.union(rest.index)]


def choices(frame: "DataFrame") -> list[str]:
    """The intermediate choices of a frame, the baseline first."""
    return sorted(frame["intermediate"].unique(), key=lambda name: (name != BASELINE, name))


def scaling_table(found: Sequence["Curve"]) -> Table:
    """The laws of nested sizes, a row per target and group of languages."""
    from pandas import DataFrame

    header = ["target", "options", "intermediate", "languages", "law", "score", "AICc log", "AICc power", "sizes", "seeds"]
    rows, data = [], []
    for one in found:
        law = one.law
        told = [one.target, one.condition, one.intermediate, one.group, law.name, law.formula()]
        aic = [number(law.aic[name]) if math.isfinite(law.aic[name]) else ABSENT for name in ("log", "power")]
        rows.append([Cell(text) for text in (*told, *aic, " ".join(map(str, one.sizes)), str(len(one.seeds)))])
        low, high = law.band(one.sizes)
        for size, mean, fitted, ends in zip(
            one.sizes, one.scores.mean(axis=0), law.at(one.sizes), zip(low, high, strict=True), strict=True
        ):
            data.append([*told, size, float(mean), float(fitted), *map(float, ends), len(one.seeds)])
    columns = [
        "target",
        "options",
        "intermediate",
        "languages",
        "law",
        "formula",
        "size",
        "score",
        "fitted",
        "low",
        "high",
        "seeds",
    ]
    caption = "How scores grow with the number n of the intermediate task's training examples: the law of lower corrected AIC."
    return _without_empty(Table("scaling", caption, header, rows, DataFrame(data, columns=columns)))


def slope_table(found: Sequence["Slope"]) -> Table:
    """Regressions on distance, a row per target, outcome and kind of distance."""
    from pandas import DataFrame

    from xstilts.reporting.statistics import holm

    header = [
        "target",
        "options",
        "of",
        "distance",
        "per 0.1 of distance",
        "p, corrected",
        "languages",
        "between languages",
        "rest",
    ]
    corrected = holm([one.line.p for one in found])
    rows, data = [], []
    for one, p in zip(found, corrected, strict=True):
        line = one.line
        told = [one.target, one.condition, one.outcome, one.kind]
        slope = Cell(signed(line.slope / 10), _interval(line.low / 10, line.high / 10), p <= SIGNIFICANT)
        rest = [f"{p:.3f}", str(line.languages), _or_absent(line.language_sd), number(line.rest_sd)]
        rows.append([*map(Cell, told), slope, *map(Cell, rest)])
        data.append(
            [*told, line.slope, line.low, line.high, line.p, p, line.languages, line.observations, line.language_sd, line.rest_sd]
        )
    columns = "target options of distance slope low high p p_corrected languages observations language_sd rest_sd".split()
    caption = (
        "Percent points that a distance of 0.1 to the source language adds, by a mixed model with a random deviation of every "
        "language; the last columns are standard deviations. 95 % intervals in brackets; bold: p ≤ 0.05 after Holm's correction."
    )
    return _without_empty(Table("typology", caption, header, rows, DataFrame(data, columns=columns)))


def published_table(beside: "DataFrame") -> Table:
    """One's own scores beside published ones, which a dagger marks; `beside` is what `published.beside` gives."""
    rows = []
    for row in beside.itertuples(index=False):
        target, origin, model, metric, split, languages, value, source = row
        mark = " †" if origin == THEIRS else ""
        rows.append([Cell(str(text)) for text in (target, f"{model}{mark}", metric, split, languages, number(value), source)])
    header = ["target", "model", "metric", "split", "languages", "score", "source"]
    caption = (
        "Means over languages. † published by others, with other models, hyperparameters and scripts: for orientation, and no "
        "measure of this study."
    )
    return Table("published", caption, header, rows, beside)


def _differences(analysis: Analysis, suffix: str, condition: str) -> Iterator[Table]:
    """Intermediate x target, the baseline's score in the first row and the number of languages in the last: one table over all
    languages, and one for each kind of language."""
    main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
    split_of = dict(zip(main["target"], main["split"], strict=True))
    effects = analysis.effects[analysis.effects["condition"] == condition]
    of_group = {group: effects[effects["group"] == group] for group in (SOURCE, OTHERS)}
    kinds = [
        ("differences", headline(effects), "mean over languages"),
        ("differences_source", of_group[SOURCE], SOURCE),
        ("differences_others", of_group[OTHERS], f"mean over {OTHERS}"),
    ]
    for name, part, about in kinds:
        if part.empty:
            continue
        targets = list(part["target"].unique())
        first = part.drop_duplicates("target").set_index("target")["baseline"]
        rows = [[Cell(BASELINE), *(Cell(number(first[target])) for target in targets)]]
        for choice in choices(part):
            own = part[part["intermediate"] == choice].set_index("target")
            rows.append(
                [Cell(choice), *(_difference(own.loc[target]) if target in own.index else Cell(ABSENT) for target in targets)]
            )
        counts = part.drop_duplicates("target").set_index("target")["languages"]
        rows.append([Cell("languages"), *(Cell(str(counts[target])) for target in targets)])
        names = [target if split_of[target] == "test" else f"{target} ({split_of[target]})" for target in targets]
        caption = f"Score without intermediate task, and difference to it with each, {about}, percent points; {_INTERVAL}."
        yield Table(f"{name}{suffix}", _of(caption, condition), ["intermediate", *names], rows, part)


def _difference(row: "Series") -> Cell:
    interval = "" if math.isnan(row["low"]) else _interval(row["low"], row["high"])
    return Cell(signed(row["difference"]), interval, bool(row["p_corrected"] <= SIGNIFICANT))


def _scores(part: "DataFrame", name: str, caption: str) -> Table:
    """Languages x choices: means over seeds and, of several, standard deviations."""
    grouped = part.groupby(["language", "intermediate"])["value"]
    data = grouped.agg(["mean", "std", "count"]).reset_index()
    found = {(row.language, row.intermediate): row for row in data.itertuples()}
    source = set(part.loc[part["source"], "language"])
    rows = []
    for code in sorted(part["language"].unique(), key=lambda code: (code not in source, code)):
        cells = [found.get((code, choice)) for choice in choices(part)]
        rows.append([Cell(code), *(Cell(ABSENT) if one is None else Cell(number(one.mean), _spread(one.std)) for one in cells)])
    several = "; mean and standard deviation over seeds" if (data["count"] > 1).any() else ""
    return Table(name, f"{caption}{several}.", ["language", *choices(part)], rows, data)


def _averages(averages: "DataFrame") -> Table:
    header = ["options", "benchmark", "intermediate", "average", "targets", "seeds", "transfer gap", "over"]
    rows = [
        [
            *map(Cell, (row.condition, row.benchmark, row.intermediate)),
            Cell(_or_absent(row.average), _spread(row.sd)),
            *map(Cell, (str(row.tasks), str(row.seeds), _or_absent(row.gap), row.over)),
        ]
        for row in averages.itertuples()
    ]
    caption = (
        "Means over targets, %, with the standard deviation over seeds: of a benchmark over its own languages, and over the "
        "targets that every choice has. Transfer gap: source language minus the mean of the others."
    )
    return _without_empty(Table("averages", caption, header, rows, averages))


def _without_empty(table: Table) -> Table:
    """Without columns that are empty in every row."""
    kept = [place for place in range(len(table.header)) if any(row[place].text for row in table.rows)]
    rows = [[row[place] for place in kept] for row in table.rows]
    return Table(table.name, table.caption, [table.header[place] for place in kept], rows, table.data)


def _of(text: str, condition: str) -> str:
    return f"{text} ({condition})" if condition else text


def _interval(low: float, high: float) -> str:
    return f"[{number(low)}, {number(high)}]"


def _spread(deviation: float) -> str:
    return "" if math.isnan(deviation) else f"± {number(deviation)}"


def _or_absent(value: float) -> str:
    return ABSENT if math.isnan(value) else number(value)


def _titles(frame: "DataFrame") -> list[str]:
    return [str(name) for name in frame.columns]
