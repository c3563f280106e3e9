"""A study, target by target: how each intermediate task transfers, to which kinds of languages, and what it gains.

In a synthetic world the languages other than the source language fall into three groups, by the world's own parameters:
low-resource ones, which have less than half of the source language's text, and of the others those near to it in structure and
those far from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.babel.distance import structural
from xstilts.reporting.comparison import BASELINE, Comparison, Result, comparisons
from xstilts.reporting.conditions import told
from xstilts.reporting.gain import Gain, Items, gains, result_items
from xstilts.reporting.summary import mean_of_others, source_score, transfer_gap
from xstilts.store.results import name_of

NEAR = 0.3
"""The largest structural distance of a near language."""
OTHERS, GAP = "mean of the others", "transfer gap"

ItemsOf = Callable[[Result, str, str], Items]
"""The scores of a result's test items, by metric and split."""


@dataclass(frozen=True)
class Line:
    """One intermediate choice; every score is the mean over its seeds."""

    name: str
    seeds: list[int]
    scores: dict[str, float | None]
    """Column -> score, None where the column makes no sense for the target."""
    gains: dict[str, Gain]
    """Source language and `OTHERS` -> gain over the baseline with the same seeds; empty for the baseline and without one."""


@dataclass(frozen=True)
class Block:
    """One target, and of retrieval one layer and pooling."""

    title: str
    source: str
    groups: dict[str, list[str]]
    lines: list[Line]
    following: list[str]
    """What every seed makes anew: `world`, `encoder`."""
    left_out: list[str]
    """Names of results that have a newer one of the same description, made from other data or by another xstilts."""


def language_groups(comparison: Comparison) -> dict[str, list[str]]:
    """`near`, `far`, `low-resource` -> languages, from the parameters of the synthetic world; empty without one."""
    source, languages = comparison.source, comparison.languages
    if source not in languages:
        return {}
    groups: dict[str, list[str]] = {"near": [], "far": [], "low-resource": comparison.low_resource()}
    for code, language in languages.items():
        if code != source and code not in groups["low-resource"]:
            groups["near" if structural(language, languages[source]) <= NEAR else "far"].append(code)
    return groups


def transfer_blocks(study: Path) -> list[Block]:
    """All results of a study's folder, compared. UserError for a folder without results."""
    items = items_of(study)
    return [block for comparison in comparisons(study) for block in _blocks(comparison, items)]


def items_of(study: Path) -> ItemsOf:
    """Reads predictions of a study's folder, each once."""

    known: dict[tuple[str, str, str], Items] = {}

    def read(result: Result, metric: str, split: str) -> Items:
        key = (name_of(result), metric, split)
        if key not in known:
            known[key] = result_items(study, result, metric, split)
        return known[key]

    return read


def gains_over_baseline(comparison: Comparison, items: ItemsOf) -> dict[str, dict[str, Gain]]:
    """Intermediate choice -> source language and `OTHERS` -> its gain over the baseline; empty without one.

    Of retrieval in the first of the `variants`, which is that of the predictions.
    """
    if BASELINE not in comparison.cells or len(comparison.cells) == 1:
        return {}

    def read(choice: str) -> dict[int, Items]:
        cells = comparison.cells[choice]
        return {seed: items(result, comparison.metric, comparison.split) for seed, result in cells.items()}

    baseline, source = read(BASELINE), comparison.source
    groups = {source: [source], OTHERS: [code for code in next(iter(baseline.values())) if code != source]}
    return {choice: gains(baseline, read(choice), groups) for choice in comparison.cells if choice != BASELINE}


def _blocks(comparison: Comparison, items: ItemsOf) -> list[Block]:
    """One block, of retrieval one per layer and pooling."""
    groups, source = language_groups(comparison), comparison.source
    title = " ".join(part for part in (comparison.target, told(comparison.settings, comparison.differing)) if part)
    blocks = []
    for variant in comparison.variants:
        gained = gains_over_baseline(comparison, items) if variant == comparison.variants[0] else {}
        lines = []
        for choice, cells in comparison.cells.items():
            by_seed = [comparison.rows(choice, seed, variant) for seed in cells]
            lines.append(Line(choice, sorted(cells), _scores(by_seed, source, groups), gained.get(choice, {})))
        layer, pooling = variant
        told_variant = [] if layer is None else [f"layer {layer}", str(pooling)]
        whole = ", ".join([title, comparison.split, comparison.key, *told_variant])
        blocks.append(Block(whole, source, groups, lines, list(comparison.following.values()), list(comparison.left_out)))
    return blocks


def _scores(by_seed: Sequence[list[Mapping[str, Any]]], source: str, groups: Mapping[str, list[str]]) -> dict[str, float | None]:
    def of_group(rows: list[Mapping[str, Any]], codes: list[str]) -> float | None:
        return mean_of_others([row for row in rows if row["language"] in codes], source)

    columns: dict[str, list[float | None]] = {source: [source_score(rows, source) for rows in by_seed]}
    columns |= {group: [of_group(rows, codes) for rows in by_seed] for group, codes in groups.items()}
    columns[OTHERS] = [mean_of_others(rows, source) for rows in by_seed]
    columns[GAP] = [transfer_gap(rows, source) for rows in by_seed]
    return {name: _mean(values) for name, values in columns.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
