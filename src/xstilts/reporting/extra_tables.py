"""The tables of a report's optional parts: families, sizes, distances, diversity, published scores, layers, several models."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from xstilts.numbering import natural
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.groups import OTHERS, SOURCE
from xstilts.reporting.numbers import ABSENT, fixed, interval, probability, signed
from xstilts.reporting.published import THEIRS
from xstilts.reporting.scaling import LAWS
from xstilts.reporting.statistics import SIGNIFICANT, holm
from xstilts.reporting.tables import (
    ReportTable,
    TableCell,
    baseline_text,
    cells_note,
    choices,
    conditions,
    difference,
    difference_cell,
    interval_heading,
    interval_note,
    text_cells,
    without_empty,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis
    from xstilts.reporting.diversity import DiversitySlope
    from xstilts.reporting.scaling import Curve
    from xstilts.reporting.slopes import Slope


def family_table(effects: "DataFrame") -> ReportTable:
    """Make the table of differences by family, a row per target and family; `effects` are from `families.by_family`."""
    names, rows = choices(effects), []
    for (target, condition, panel), part in effects.groupby(["target", "condition", "panel"], sort=False):
        own = part.set_index("intermediate")
        cells = [difference(own.loc[name]) if name in own.index else TableCell(ABSENT) for name in names]
        family, _, languages = panel.partition(": ")
        rows.append([*text_cells(target, condition, family, languages, baseline_text(part)), *cells])
    caption = (
        "Score without intermediate task, and difference to it with each, by language family, percent points: means over the "
        f"languages that no training used; {cells_note(effects)}."
    )
    header = ["target", "options", "family", "languages", BASELINE, *names]
    return without_empty(ReportTable("families", caption, header, rows, effects))


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
        rows.append(text_cells(*about, *shown, law.formula(), " ".join(map(str, one.sizes)), len(one.seeds)))
        columns = one.sizes, one.scores.mean(axis=0), law.at(one.sizes), *law.band(one.sizes)
        own = [*about, law.formula(), *chances]
        data += [[*own, size, *map(float, values), len(one.seeds)] for size, *values in zip(*columns, strict=True)]
    names = "target options intermediate languages law formula log power neither size score fitted low high seeds".split()
    caption = (
        "How scores grow with the number n of the intermediate task's training examples: the most probable law, the probability "
        f"of each, and the better one of the two laws. {bands(curves)}"
    )
    return without_empty(ReportTable("scaling", caption, header, rows, DataFrame(data, columns=names)))


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
        rows.append([*text_cells(*own), slope, *text_cells(probability(p), *written)])
        data.append([*own, line.slope, line.low, line.high, one.p, p, *counts, line.observations, *spreads])
    caption = (
        "Percent points that a distance of 0.1 to the source language adds, by a regression over the languages' means in which "
        "each family has a level of its own; the last columns are standard deviations. 95 % intervals over languages in "
        f"brackets; bold: p ≤ {SIGNIFICANT} after Holm's correction; one seed is not tested."
    )
    return without_empty(ReportTable("typology", caption, header, rows, DataFrame(data, columns=names)))


def diversity_table(slopes: Sequence["DiversitySlope"]) -> ReportTable:
    """Make the table of regressions on the diversity of intermediate languages, without those that have too few sets."""
    from pandas import DataFrame

    lines = [(one, one.line) for one in slopes if one.line]
    rows, data = [], []
    for (one, line), p in zip(lines, holm([line.p for _, line in lines]), strict=True):
        slope = TableCell(signed(line.slope / 10), interval(line.low / 10, line.high / 10), p <= SIGNIFICANT)
        own, counts = [one.condition, one.tasks, one.kind], [one.sets, one.targets, one.seeds]
        rows.append([*text_cells(*own), slope, *text_cells(probability(p), *counts, fixed(line.unit_sd))])
        data.append([*own, line.slope, line.low, line.high, line.p, p, *counts, line.unit_sd])
    about, sizes = ["options", "intermediate", "distance"], ["sets", "targets", "seeds"]
    header = [*about, "per 0.1 of diversity", "p corrected", *sizes, "between sets"]
    names = [*about, *"slope low high p p_corrected".split(), *sizes, "set_sd"]
    caption = (
        "Percent points of gain in languages that phase 2 did not train in, for 0.1 more diversity of its languages, by a "
        "regression over sets of languages; the last column is a standard deviation. 95 % intervals over sets in brackets; bold: "
        f"p ≤ {SIGNIFICANT} after Holm's correction."
    )
    return without_empty(ReportTable("diversity", caption, header, rows, DataFrame(data, columns=names)))


def published_table(beside: "DataFrame") -> ReportTable:
    """Make the table of a study's scores beside published ones, which a dagger marks; `beside` is from `published.beside`."""
    rows = []
    for row in beside.itertuples(index=False):
        target, origin, model, metric, split, languages, value, source = row
        mark = " †" if origin == THEIRS else ""
        rows.append(text_cells(target, f"{model}{mark}", metric, split, languages, fixed(value), source))
    header = ["target", "model", "metric", "split", "languages", "score", "source"]
    caption = (
        "Means over languages. † published by others, with other models, hyperparameters and scripts: for orientation, and no "
        "measure of this study."
    )
    return ReportTable("published", caption, header, rows, beside)


def layer_tables(analysis: "Analysis") -> Iterator[ReportTable]:
    """Yield a table of each retrieval target with scores of several layers: intermediate choices by layer."""
    for suffix, condition in conditions(analysis):
        own = analysis.layers[analysis.layers["condition"] == condition]
        for target, part in own.groupby("target", sort=False):
            columns = {
                f"layer {layer:.0f}" + (f", {pooling}" if part["pooling"].nunique() > 1 else ""): at.set_index("intermediate")
                for (layer, pooling), at in part.groupby(["layer", "pooling"])
            }
            rows = [text_cells(BASELINE, *map(baseline_text, columns.values()))]
            for choice in dict.fromkeys(part["intermediate"]):
                rows.append([TableCell(choice)])
                rows[-1] += [difference(at.loc[choice]) if choice in at.index else TableCell(ABSENT) for at in columns.values()]
            caption = (
                f"{target} by layer{f' ({condition})' if condition else ''}, {OTHERS}: score without intermediate task, and "
                f"difference to it with each, percent points; {interval_heading(part['covers'])}, of all but the main layer over "
                f"runs alone; bold: p ≤ {SIGNIFICANT} after Holm's correction for all layers of all targets. Phase 2 changes "
                "the last layers most: an encoder that was tuned to embed sentences can lose the alignment of its last layer, "
                "while a middle layer keeps it."
            )
            yield ReportTable(f"layers_{target}{suffix}", caption, ["intermediate", *columns], rows, part)


def model_tables(analysis: "Analysis") -> Iterator[ReportTable]:
    """Yield the table of a study's models, if it has several: main scores without intermediate task."""
    if analysis.provenance["model"].nunique() < 2:
        return
    from pandas import DataFrame

    cell = ["target", "condition", "intermediate", "seed"]
    found = analysis.scores[analysis.scores["main"]].merge(analysis.provenance[[*cell, "model"]], on=cell)
    rows, data = [], []
    found = found[found["intermediate"] == BASELINE]
    conditions = found.groupby(["target", "model"])["condition"].nunique()
    for (target, model, options), part in sorted(
        found.groupby(["target", "model", "condition"]), key=lambda group: list(map(natural, group[0]))
    ):
        of_source = part["source"].astype(bool)
        means = [part.loc[of_source, "value"].mean(), part.loc[~of_source, "value"].mean()]
        sizes = [part["language"].nunique(), part["seed"].nunique()]
        about = [target, model, options if conditions[target, model] > 1 else "", part["metric"].iloc[0], part["split"].iloc[0]]
        rows.append([*text_cells(*about), *text_cells(*map(fixed, means)), *text_cells(*sizes)])
        data.append([*about, *means, *sizes])
    header = ["target", "model", "options", "metric", "split", SOURCE, OTHERS, "languages", "seeds"]
    caption = "Scores of each model without intermediate task, %: means over languages and seeds."
    yield without_empty(ReportTable("models", caption, header, rows, DataFrame(data, columns=header)))


def robustness_tables(analysis: "Analysis") -> Iterator[ReportTable]:
    """Yield the table of worst languages, spreads and losses to noise, a row per target, condition and choice, if it has rows."""
    robustness = analysis.robustness
    header = "target,options,intermediate,score,spread,worst language,score there,gain there,p corrected,seeds,loss to noise"
    rows = []
    for row in robustness.itertuples():
        compared, known = row.difference == row.difference, row.loss == row.loss
        shown = difference_cell(row.difference, row.low, row.high, row.covers, row.p_corrected) if compared else TableCell("")
        about = text_cells(row.target, row.condition, row.intermediate, fixed(row.score), fixed(row.spread), row.worst)
        lost = TableCell(signed(row.loss), interval(row.loss_low, row.loss_high)) if known else TableCell("")
        p = probability(row.p_corrected) if compared else ""
        rows.append([*about, TableCell(fixed(row.worst_score)), shown, *text_cells(p, row.seeds), lost])
    caption = (
        "Robustness: mean score of the languages other than the source language, %, their spread (standard deviation between "
        "languages), and the language that is the worst on average over all choices, with the difference there to the choice "
        f"without intermediate task, percent points; {interval_note(robustness['covers'])}. Loss to noise: the score without "
        "character noise minus the score with it, and its interval over runs."
    )
    if rows:
        yield without_empty(ReportTable("robustness", caption, header.split(","), rows, robustness))
