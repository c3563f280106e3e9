"""Compare the results of the same cells in two folders, `a` and `b`: which scores changed, and by more than chance.

For an upgraded library, another machine, another hyperparameter. A cell of one folder is compared with the cell of the other that
has the same target, intermediate choice, seed and (as each study names them) options; differences are b - a.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.numbering import natural
from xstilts.reporting.comparison import Comparison, comparisons
from xstilts.reporting.conditions import Settings, intermediate_settings
from xstilts.reporting.effects import GroupEffect, ItemsBySeed, ScoresBySeed, common_languages, group_effects
from xstilts.reporting.groups import WHOLE, compared_groups
from xstilts.reporting.items import ReadItems, items_of, same_items
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.numbers import ABSENT, fixed, items_text, probability
from xstilts.reporting.statistics import holm
from xstilts.reporting.tables import difference_cell, interval_heading, interval_note
from xstilts.reporting.views.markdown import cell_text, code, table, text

EXPLAINED = (
    "Scores are means over languages and over the seeds that both folders have, in percent. `same` counts the seeds whose scores "
    "are equal in every language."
)
CellKey = tuple[str, str, str]
"""Target, options, intermediate choice."""
Side = tuple[Comparison, str]
"""A comparison and the name of a choice in it."""


@dataclass(frozen=True)
class ComparedChoice:
    """One target with one intermediate choice in both folders, in one group of languages."""

    key: CellKey
    seeds: list[int]
    same: int
    """Number of seeds with the same score in every language."""
    found: GroupEffect


def compare(a: Path, b: Path) -> str:
    """Return a page in Markdown.

    UserError for a folder without results, for broken predictions, and for two folders that have no cell in common.
    """
    sides = [_by_key(comparisons(folder)) for folder in (a, b)]
    shared = [key for key in sides[0] if key in sides[1]]
    broken: list[str] = []
    read = (items_of(a, broken), items_of(b, broken))
    compared = [row for key in shared for row in _compared(key, sides[0][key], sides[1][key], read)]
    if broken:
        raise UserError("\n".join(dict.fromkeys(broken)))
    if not compared:
        raise UserError(
            f"{a} and {b} have no cell in common: expected results of the same targets, intermediate choices and seeds; "
            f"{a.name} has {_listed(sides[0])}, {b.name} has {_listed(sides[1])}"
        )
    names = (a.name, b.name) if a.name != b.name else (a.as_posix(), b.as_posix())
    first, second = map(text, names)
    about = f"a: {first}, b: {second}. {EXPLAINED} {interval_note(one.found.effect.covers for one in compared)}.\n"
    texts = [f"# {second} compared with {first}\n", about, _differences(compared)]
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


def _by_key(found: Sequence[Comparison]) -> dict[CellKey, Side]:
    return {
        (one.target, " ".join(typed), choice_name(choice)): (one, choice)
        for one, typed in zip(found, options(found), strict=True)
        for choice in one.cells
    }


def _seeds(first: Side, second: Side) -> list[int]:
    return sorted(set(first[0].cells[first[1]]) & set(second[0].cells[second[1]]))


def _compared(key: CellKey, first: Side, second: Side, read: tuple[ReadItems, ReadItems]) -> Iterator[ComparedChoice]:
    """Compare all languages, the source language and the others, in the languages that all cells have."""
    seeds = _seeds(first, second)
    if not seeds or first[0].key != second[0].key or first[0].split != second[0].split:
        return
    by_seed: list[ScoresBySeed] = []
    for one, choice in (first, second):
        scores = one.by_seed(choice)
        by_seed.append({seed: scores[seed] for seed in seeds})
    languages = [code for code in common_languages(by_seed[0]) if code in common_languages(by_seed[1])]
    if not languages:
        return
    groups = {(name, kind): codes for (name, kind), codes in compared_groups(first[0], languages).items() if kind == WHOLE}
    same = sum(all(by_seed[0][seed][code] == by_seed[1][seed][code] for code in languages) for seed in seeds)
    for found in group_effects(by_seed[0], by_seed[1], groups, _items(first, second, seeds, read)):
        yield ComparedChoice(key, seeds, same, found)


def _missing(key: CellKey, first: Side, second: Side) -> Iterator[list[str]]:
    """Yield a row with the languages that some of the compared cells have and others lack."""
    seeds = _seeds(first, second)
    cells = [set(one.by_seed(choice)[seed]) for one, choice in (first, second) for seed in seeds]
    every = {code for scored in cells for code in scored}
    if missing := sorted(code for code in every if not all(code in scored for scored in cells)):
        yield [*map(text, key), text(" ".join(missing))]


def _items(first: Side, second: Side, seeds: Sequence[int], read: tuple[ReadItems, ReadItems]) -> tuple[ItemsBySeed, ItemsBySeed]:
    """Return the test items of both sides; None for all of them if the folders do not have the same test items."""
    sides = [
        {seed: read_items(one.cells[choice][seed], one.metric, one.split) for seed in seeds}
        for (one, choice), read_items in zip((first, second), read, strict=True)
    ]
    alike = all(same_items(sides[0][seed] or {}, sides[1][seed] or {}) for seed in seeds)
    unknown: ItemsBySeed = dict.fromkeys(seeds)
    return (sides[0], sides[1]) if alike else (unknown, unknown)


def _differences(compared: Sequence[ComparedChoice]) -> str:
    corrected = holm([one.found.effect.p for one in compared])
    rows = []
    for one, p in zip(compared, corrected, strict=True):
        found = one.found
        difference = cell_text(difference_cell(found.effect.value, found.effect.low, found.effect.high, found.effect.covers, p))
        scores = [fixed(found.baseline), fixed(found.score)]
        counts = [" ".join(map(str, one.seeds)), f"{one.same} of {len(one.seeds)}", items_text(found.items, found.clusters)]
        rows.append([*map(text, one.key), found.group, *scores, difference, probability(p), *counts])
    difference = f"b - a, {interval_heading(one.found.effect.covers for one in compared)}"
    header = [
        "target",
        "options",
        "intermediate",
        "languages",
        "a",
        "b",
        difference,
        "p, corrected",
        "seeds",
        "same",
        "test items",
    ]
    return table(header, rows)


def _alone(sides: Sequence[Mapping[CellKey, Side]], names: Sequence[str]) -> Iterator[list[str]]:
    for own, other, name in ((sides[0], sides[1], names[0]), (sides[1], sides[0], names[1])):
        for key, (one, choice) in own.items():
            there = set(other[key][0].cells[other[key][1]]) if key in other else set()
            if seeds := sorted(set(one.cells[choice]) - there):
                yield [*map(text, (name, *key)), " ".join(map(str, seeds))]


def _paired(
    sides: Sequence[Mapping[CellKey, Side]], shared: Sequence[CellKey]
) -> Iterator[tuple[CellKey, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the two results of every cell that both folders have."""
    for key in shared:
        (first, choice), (second, other) = (side[key] for side in sides)
        for seed in _seeds(sides[0][key], sides[1][key]):
            yield key, first.cells[choice][seed], second.cells[other][seed]


def _versions(sides: Sequence[Mapping[CellKey, Side]], shared: Sequence[CellKey]) -> list[list[str]]:
    return _differing((key, first["versions"], second["versions"]) for key, first, second in _paired(sides, shared))


def _options(sides: Sequence[Mapping[CellKey, Side]], shared: Sequence[CellKey]) -> list[list[str]]:
    """Return the options of conditions and intermediate tasks that differ."""

    def settings(side: Side, result: Mapping[str, Any]) -> Settings:
        return side[0].settings | intermediate_settings(result)

    return _differing(
        (key, settings(sides[0][key], first), settings(sides[1][key], second)) for key, first, second in _paired(sides, shared)
    )


def _differing(pairs: Iterator[tuple[CellKey, Mapping[str, str], Mapping[str, str]]]) -> list[list[str]]:
    """Return a row per name and pair of values, with the cells that have them."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for (target, _, choice), first, second in pairs:
        for name in dict.fromkeys([*first, *second]):
            a, b = first.get(name, ABSENT), second.get(name, ABSENT)
            if a != b:
                found.setdefault((name, a, b), {})[f"{text(choice)} -> {text(target)}"] = None
    rows = []
    for (name, *values), cells in sorted(found.items(), key=lambda item: list(map(natural, item[0]))):
        listed = list(cells)
        more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
        rows.append([code(name), *map(text, values), ", ".join(listed[:3]) + more])
    return rows


def _listed(side: Mapping[CellKey, Side]) -> str:
    return ", ".join(dict.fromkeys(f"{choice} -> {target}" for target, _, choice in side))
