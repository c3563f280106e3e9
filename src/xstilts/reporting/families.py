"""Differences by language family: which rows of `Analysis.effects` a report shows as small multiples, a panel per family."""

from typing import TYPE_CHECKING

from xstilts.reporting.analysis import EFFECTS, Analysis
from xstilts.reporting.groups import FAMILY, LANGUAGE, WORLD, language_facts, unseen_part
from xstilts.tasks.languages import LANGUAGES

if TYPE_CHECKING:
    from pandas import DataFrame

_KEY = ["target", "condition", "group", "kind"]


def by_family(analysis: Analysis) -> "DataFrame":
    """Return rows of `Analysis.effects` with the column `panel`: a row per target, condition, family and intermediate choice.

    Branches of Indo-European count as families, and a synthetic world has its groups instead: near, far and low-resource
    languages. A difference is over the family's languages that were in no training: if phase 2 of a choice trained in some of
    them, over the others; if in all of them, the choice has no row. `panel` names the family and its languages, as in
    `Turkic: kk, tr` or `Turkic: Turkish`. Targets with one family only are left out.
    """
    from pandas import DataFrame

    rows: list[list[str]] = []
    for (target, condition), own in analysis.effects.groupby(["target", "condition"], sort=False):
        panels = _world_panels(own) if analysis.synthetic else _family_panels(own, analysis.source)
        for (name, kind), panel in panels.items() if len(panels) > 1 else ():
            rows += [[target, condition, *key, panel] for key in ((name, kind), unseen_part(name))]
    found = DataFrame(rows, columns=[*_KEY, "panel"]).merge(analysis.effects, on=_KEY)
    return found.loc[found["seen_languages"] == 0, [*EFFECTS, "panel"]].reset_index(drop=True)


def _family_panels(effects: "DataFrame", source: str) -> dict[tuple[str, str], str]:
    """Return the panel of each family by name and kind of its group, which is the language where there is only one."""
    facts, families = language_facts(), dict[str, list[str]]()
    for code in effects.loc[effects["kind"] == LANGUAGE, "group"].unique():
        if code != source:
            families.setdefault(facts[code][0] if code in facts else code, []).append(code)
    found = {}
    for family, codes in sorted(families.items()):
        names = ", ".join(sorted(codes)) if len(codes) > 1 else LANGUAGES.get(codes[0], codes[0])
        short = family.rpartition(", ")[2]
        key = (family, FAMILY) if len(codes) > 1 else (codes[0], LANGUAGE)
        found[key] = short if short == names else f"{short}: {names}"
    return found


def _world_panels(effects: "DataFrame") -> dict[tuple[str, str], str]:
    sizes = effects[effects["kind"] == WORLD].groupby("group", sort=False)["languages"].max()
    return {(name, WORLD): f"{name}: {size} language{'s' * (size > 1)}" for name, size in sizes.items()}
