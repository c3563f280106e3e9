"""A study, target by target: how each intermediate task transfers, to which kinds of languages, and what it gains.

In a synthetic world the languages other than the source language fall into three groups, by the world's own parameters:
low-resource ones, which have less than half of the source language's text, and of the others those near to it in structure and
those far from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts import metrics
from xstilts.babel.declaration import Language
from xstilts.babel.distance import structural
from xstilts.errors import UserError
from xstilts.paths import CellPaths, results_dir
from xstilts.reporting.conditions import Settings, condition, differences, intermediate_settings, told
from xstilts.reporting.gain import Gain, Items, gains, score_items
from xstilts.reporting.submission import name_of
from xstilts.reporting.summary import mean_of_others, source_language, source_score, transfer_gap
from xstilts.store.results import read_predictions, read_results
from xstilts.tasks.declaration import SPLITS

NEAR = 0.3
"""The largest structural distance of a near language."""
LOW_RESOURCE = 0.5
"""Below this amount of text, relative to the source language's, a language is low-resource."""
BASELINE = "none"
OTHERS, GAP = "mean of the others", "transfer gap"

Result = dict[str, Any]


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
    left_out: list[str]
    """Names of results that have a newer one of the same description, made from other data or by another xstilts."""


def language_groups(result: Result) -> dict[str, list[str]]:
    """`near`, `far`, `low-resource` -> languages, from the parameters of the result's synthetic world; empty without one."""
    data = result["config"].get("data", {})
    world = data.get("world", {}).get("languages", {}) if data.get("source") == "babel" else {}
    known = {field.name for field in fields(Language)}
    languages = {code: Language(**{key: given[key] for key in given if key in known}) for code, given in world.items()}
    source = source_language(result)
    if source not in languages:
        return {}
    groups: dict[str, list[str]] = {"near": [], "far": [], "low-resource": []}
    for code, language in languages.items():
        if code != source:
            low = language.text < LOW_RESOURCE * languages[source].text
            near = structural(language, languages[source]) <= NEAR
            groups["low-resource" if low else "near" if near else "far"].append(code)
    return groups


def transfer_blocks(study: Path) -> list[Block]:
    """All results of a study's folder, compared; of two of one description the newest. UserError for a folder without results."""
    results = sorted(read_results(results_dir(study)), key=lambda one: CellPaths(study, name_of(one)).result.stat().st_mtime_ns)
    if not results:
        raise UserError(f"no results in {results_dir(study)}: run the cells of the study first")

    @cache
    def items(name: str, metric: str, split: str) -> Items:
        return score_items(read_predictions(CellPaths(study, name).predictions), metric, split)

    by_target: dict[str, list[Result]] = {}
    for result in results:
        by_target.setdefault(result["cell"]["target"], []).append(result)
    blocks = []
    for target, chosen in sorted(by_target.items()):
        conditions: dict[tuple[tuple[str, str], ...], list[Result]] = {}
        for result in chosen:
            conditions.setdefault(tuple(sorted(condition(result).items())), []).append(result)
        differing = differences(map(dict, conditions))
        for settings, comparable in sorted(conditions.items()):
            title = " ".join(part for part in (target, told(dict(settings), differing)) if part)
            blocks += _blocks(title, comparable, items)
    return blocks


def _blocks(title: str, results: Sequence[Result], items: Callable[[str, str, str], Items]) -> list[Block]:
    """The blocks of one target, of comparable cells, the oldest first: one, of retrieval one per layer and pooling."""
    metric = results[-1]["config"]["target"]["task"]["metrics"][0]
    key, split = metrics.main_key(metric), _split(results)
    if split is None:
        return []
    source, groups = source_language(results[-1]), language_groups(results[-1])
    choices: dict[tuple[str, tuple[tuple[str, str], ...]], dict[int, Result]] = {}
    left_out: list[str] = []
    for result in results:
        named = "+".join(result["cell"]["intermediate"]) or BASELINE
        of_seed = choices.setdefault((named, tuple(sorted(intermediate_settings(result).items()))), {})
        seed = result["cell"]["seed"]
        if seed in of_seed:
            left_out.append(name_of(of_seed[seed]))
        of_seed[seed] = result
    names = _names([(name, dict(settings)) for name, settings in choices])
    by_name = dict(sorted(zip(names, choices.values(), strict=True), key=lambda item: (item[0] != BASELINE, item[0])))
    first = [row for row in results[-1]["rows"] if row["metric"] == key and row["split"] == split]
    variants = list(dict.fromkeys((row.get("layer"), row.get("pooling")) for row in first))
    blocks = []
    for layer, pooling in variants:
        of_variant = {
            name: {seed: _rows(result, key, split, layer, pooling) for seed, result in by_seed.items()}
            for name, by_seed in by_name.items()
        }
        compared: dict[str, dict[str, Gain]] = {}
        if (layer, pooling) == variants[0]:  # that of the predictions files
            compared = _gains(by_name, source, lambda result: items(name_of(result), metric, split))
        told_variant = [] if layer is None else [f"layer {layer}", str(pooling)]
        lines = [
            Line(name, sorted(by_seed), _scores(list(by_seed.values()), source, groups), compared.get(name, {}))
            for name, by_seed in of_variant.items()
        ]
        blocks.append(Block(", ".join([title, split, key, *told_variant]), source, groups, lines, left_out))
    return blocks


def _split(results: Sequence[Result]) -> str | None:
    """The last split that every result has gold for."""
    with_gold = [{row["split"] for row in result["rows"] if row["value"] is not None} for result in results]
    return next((split for split in reversed(SPLITS) if all(split in found for found in with_gold)), None)


def _names(choices: Sequence[tuple[str, Settings]]) -> list[str]:
    """Names of intermediate choices; where one name stands for several, with what they differ in."""
    found = []
    for name, settings in choices:
        differing = differences(other for same, other in choices if same == name)
        found.append(" ".join(part for part in (name, told(settings, differing)) if part))
    return found


def _rows(result: Result, key: str, split: str, layer: int | None, pooling: str | None) -> list[Mapping[str, Any]]:
    wanted = (key, split, layer, pooling)
    return [row for row in result["rows"] if (row["metric"], row["split"], row.get("layer"), row.get("pooling")) == wanted]


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


def _gains(
    by_name: Mapping[str, Mapping[int, Result]], source: str, items: Callable[[Result], Items]
) -> dict[str, dict[str, Gain]]:
    """Name of a choice -> its gains over the baseline, by group."""
    if BASELINE not in by_name or len(by_name) == 1:
        return {}
    baseline = {seed: items(result) for seed, result in by_name[BASELINE].items()}
    languages = next(iter(baseline.values()))
    groups = {source: [source], OTHERS: [code for code in languages if code != source]}
    return {
        name: gains(baseline, {seed: items(result) for seed, result in by_seed.items()}, groups)
        for name, by_seed in by_name.items()
        if name != BASELINE
    }
