"""Two folders of results of the same cells, `a` and `b`: what changed, and whether it is noise.

For an upgraded library, another machine, another hyperparameter. A cell of one folder is compared with that of the other that
has the same target, intermediate choice, seed and (as each study names them) options; differences are b - a.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.paths import CellPaths
from xstilts.reporting.analysis import ALL, OTHERS, SOURCE
from xstilts.reporting.comparison import Comparison, Result, comparisons
from xstilts.reporting.conditions import Settings, intermediate_settings
from xstilts.reporting.gain import Gain, Items, gains
from xstilts.reporting.markdown import code, table, text
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.statistics import SIGNIFICANT, Effect, effect, holm
from xstilts.reporting.table import ABSENT, number, signed
from xstilts.reporting.transfer import items_of
from xstilts.store.results import name_of

EXPLAINED = (
    "Scores are means over languages and over the seeds that both folders have, in percent. In brackets the 95 % interval of the "
    "difference, over test items where there are predictions and over seeds where there are several; bold: p ≤ 0.05 after Holm's "
    "correction for all rows. `same` counts the seeds whose scores are equal in every language."
)
Key = tuple[str, str, str]
"""Target, options, intermediate choice."""
ItemsOrNone = Callable[[Result, str, str], Items | None]
Side = tuple[Comparison, str]
"""A comparison and the name of a choice in it."""


@dataclass(frozen=True)
class Row:
    """One target with one intermediate choice in both folders."""

    key: Key
    group: str
    seeds: list[int]
    same: int
    """Seeds with the same score in every language."""
    scores: tuple[float, float]
    effect: Effect


def compare(a: Path, b: Path) -> str:
    """A page in Markdown. UserError for a folder without results, and for two folders that have no cell in common."""
    sides = [_by_key(comparisons(folder)) for folder in (a, b)]
    shared = [key for key in sides[0] if key in sides[1]]
    items = (_items(a), _items(b))
    rows = [row for key in shared for row in _rows(key, sides[0][key], sides[1][key], items)]
    if not rows:
        raise UserError(
            f"{a} and {b} have no cell in common: expected results of the same targets, intermediate choices and seeds; "
            f"{a.name} has {_listed(sides[0])}, {b.name} has {_listed(sides[1])}"
        )
    names = (a.name, b.name) if a.name != b.name else (a.as_posix(), b.as_posix())
    first, second = map(text, names)
    texts = [f"# {second} compared with {first}\n", f"a: {first}, b: {second}. {EXPLAINED}\n", _scores(rows)]
    if alone := list(_alone(sides, names)):
        texts += ["## Cells of one folder only\n", table(["folder", "target", "options", "intermediate", "seeds"], alone)]
    if missing := [row for key in shared for row in _missing(key, sides[0][key], sides[1][key])]:
        texts += [
            "## Languages that are left out\n",
            table(["target", "options", "intermediate", "no score in all cells"], missing),
        ]
    for title, differing in (("Versions", _versions(sides, shared)), ("Options", _options(sides, shared))):
        if differing:
            texts += [f"## {title} that differ\n", table(["", "a", "b", "in"], differing)]
        else:
            texts.append(f"{title}: the same in all cells that both have.\n")
    return "\n".join(texts)


def _items(study: Path) -> ItemsOrNone:
    """Reads the scores of a result's test items; None without predictions."""
    read = items_of(study)

    def found(result: Result, metric: str, split: str) -> Items | None:
        return read(result, metric, split) if CellPaths(study, name_of(result)).predictions.exists() else None

    return found


def _by_key(found: Sequence[Comparison]) -> dict[Key, Side]:
    return {
        (one.target, " ".join(typed), choice_name(choice)): (one, choice)
        for one, typed in zip(found, options(found), strict=True)
        for choice in one.cells
    }


def _seeds(first: Side, second: Side) -> list[int]:
    return sorted(set(first[0].cells[first[1]]) & set(second[0].cells[second[1]]))


def _rows(key: Key, first: Side, second: Side, items: tuple[ItemsOrNone, ItemsOrNone]) -> Iterator[Row]:
    """All languages, or where the source language has no score the others; in the languages that all cells have."""
    seeds = _seeds(first, second)
    if not seeds or first[0].key != second[0].key or first[0].split != second[0].split:
        return
    by_seed = [one.by_seed(choice, one.variants[0]) for one, choice in (first, second)]
    tables = [side[seed] for side in by_seed for seed in seeds]
    languages = [code for code in tables[0] if all(code in one for one in tables)]
    if not languages:
        return
    a_SL, b_SL = (np.array([[side[seed][code] for code in languages] for seed in seeds]) for side in by_seed)
    groups = {ALL if first[0].source in languages else OTHERS: languages}
    if first[0].source in languages and len(languages) > 1:
        others = [code for code in languages if code != first[0].source]
        groups |= {SOURCE: [first[0].source], OTHERS: others}
    known = _gains(first, second, seeds, groups, items)
    same = int((a_SL == b_SL).all(axis=1).sum())
    for group, codes in groups.items():
        own = [languages.index(code) for code in codes]
        gain = known.get(group)
        judged = effect(a_SL[:, own], b_SL[:, own], gain.variance if gain else None)
        yield Row(key, group, seeds, same, (float(a_SL[:, own].mean()), float(b_SL[:, own].mean())), judged)


def _missing(key: Key, first: Side, second: Side) -> Iterator[list[str]]:
    """The languages that some of the compared cells have and others lack."""
    seeds = _seeds(first, second)
    cells = [set(one.by_seed(choice, one.variants[0])[seed]) for one, choice in (first, second) for seed in seeds]
    every = {code for scored in cells for code in scored}
    if missing := sorted(code for code in every if not all(code in scored for scored in cells)):
        yield [*map(text, key), text(" ".join(missing))]


def _gains(
    first: Side, second: Side, seeds: Sequence[int], groups: Mapping[str, list[str]], items: tuple[ItemsOrNone, ItemsOrNone]
) -> dict[str, Gain]:
    """With variances over test items; empty without all predictions, and where the folders have other test items."""
    sides: list[dict[int, Items]] = []
    for (one, choice), read in ((first, items[0]), (second, items[1])):
        if not metrics.scored_by_item(one.metric):
            return {}
        found = {seed: read(one.cells[choice][seed], one.metric, one.split) for seed in seeds}
        sides.append({seed: scores for seed, scores in found.items() if scores is not None})
        if len(sides[-1]) < len(seeds):
            return {}
    try:
        return gains(sides[0], sides[1], groups)
    except UserError:  # not the same items
        return {}


def _scores(rows: Sequence[Row]) -> str:
    corrected = holm([row.effect.p for row in rows])
    lines = []
    for row, p in zip(rows, corrected, strict=True):
        difference = signed(row.effect.value)
        told = f"**{difference}**" if p <= SIGNIFICANT else difference
        if not np.isnan(row.effect.low):
            told += f" [{number(row.effect.low)}, {number(row.effect.high)}]"
        seeds = " ".join(map(str, row.seeds))
        scores = [number(value) for value in row.scores]
        lines.append([*map(text, row.key), row.group, *scores, told, _p(p), seeds, f"{row.same} of {len(row.seeds)}"])
    header = ["target", "options", "intermediate", "languages", "a", "b", "b - a", "p, corrected", "seeds", "same"]
    return table(header, lines)


def _p(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.3f}"


def _alone(sides: Sequence[Mapping[Key, Side]], names: Sequence[str]) -> Iterator[list[str]]:
    for own, other, name in ((sides[0], sides[1], names[0]), (sides[1], sides[0], names[1])):
        for key, (one, choice) in own.items():
            there = set(other[key][0].cells[other[key][1]]) if key in other else set()
            if seeds := sorted(set(one.cells[choice]) - there):
                yield [*map(text, (name, *key)), " ".join(map(str, seeds))]


def _paired(
    sides: Sequence[Mapping[Key, Side]], shared: Sequence[Key]
) -> Iterator[tuple[Key, Mapping[str, Any], Mapping[str, Any]]]:
    """The results of the cells that both have."""
    for key in shared:
        (first, choice), (second, other) = (side[key] for side in sides)
        for seed in _seeds(sides[0][key], sides[1][key]):
            yield key, first.cells[choice][seed], second.cells[other][seed]


def _versions(sides: Sequence[Mapping[Key, Side]], shared: Sequence[Key]) -> list[list[str]]:
    return _differing((key, first["versions"], second["versions"]) for key, first, second in _paired(sides, shared))


def _options(sides: Sequence[Mapping[Key, Side]], shared: Sequence[Key]) -> list[list[str]]:
    """Of the condition and of the intermediate tasks."""

    def settings(side: Side, result: Mapping[str, Any]) -> Settings:
        return side[0].settings | intermediate_settings(result)

    return _differing(
        (key, settings(sides[0][key], first), settings(sides[1][key], second)) for key, first, second in _paired(sides, shared)
    )


def _differing(pairs: Iterator[tuple[Key, Mapping[str, str], Mapping[str, str]]]) -> list[list[str]]:
    """A row per name and pair of values, with the cells where it is so."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for (target, _, choice), first, second in pairs:
        for name in dict.fromkeys([*first, *second]):
            a, b = first.get(name, ABSENT), second.get(name, ABSENT)
            if a != b:
                found.setdefault((name, a, b), {})[f"{text(choice)} -> {text(target)}"] = None
    rows = []
    for (name, *values), cells in sorted(found.items()):
        listed = list(cells)
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        rows.append([code(name), *map(text, values), ", ".join(listed[:3]) + more])
    return rows


def _listed(side: Mapping[Key, Side]) -> str:
    return ", ".join(dict.fromkeys(f"{choice} -> {target}" for target, _, choice in side))
