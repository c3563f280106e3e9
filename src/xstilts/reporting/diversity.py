"""How diverse the languages of an intermediate choice are: the mean distance between two of them.

Distances are those of `slopes`: of a synthetic world by its parameters, of real languages by URIEL. A choice in one language has
no diversity, 0.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.distance import distances as world_distances
from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE, Result, world_languages
from xstilts.reporting.uriel import uriel_distances
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

DIVERSITY = "condition intermediate languages kind diversity".split()
Pairs = dict[tuple[str, str], dict[str, float]]
"""Two languages, in the order of their codes -> kind of distance -> distance."""


def diversity(analysis: "Analysis") -> "DataFrame":
    """A row per condition, intermediate choice and kind of distance; `languages` are those that phase 2 trains in, separated by
    spaces, and `diversity` is NaN where a distance between two of them is unknown. Empty where all choices have one language.

    UserError where URIEL+ is needed and not installed.
    """
    from pandas import DataFrame

    rows: list[list[object]] = []
    for condition, own in analysis.provenance.groupby("condition", sort=False):
        results = {
            row.intermediate: read_result(CellPaths(analysis.folder, row.cell).result)
            for row in own.drop_duplicates("intermediate").itertuples()
            if row.intermediate != BASELINE
        }
        used = {choice: _trained_in(result) for choice, result in results.items()}
        every = sorted({code for codes in used.values() for code in codes})
        known = _pairs(next(iter(results.values())), every, analysis.synthetic) if len(every) > 1 else {}
        for kind in dict.fromkeys(kind for told in known.values() for kind in told):
            for choice, codes in used.items():
                between = [known[pair].get(kind, float("nan")) for pair in combinations(codes, 2)]
                rows.append([condition, choice, " ".join(codes), kind, fmean(between) if between else 0.0])
    return DataFrame(rows, columns=DIVERSITY)


def _trained_in(result: Result) -> list[str]:
    """The languages of all intermediate tasks together."""
    tasks = result["config"].get("intermediate", {}).get("tasks", {})
    return sorted({code for used in tasks.values() for code in used.get("languages") or []})


def _pairs(result: Result, codes: Sequence[str], synthetic: bool) -> Pairs:
    """The distances between every two of some languages, whose codes are sorted."""
    found: Pairs = {pair: {} for pair in combinations(codes, 2)}
    if synthetic:
        languages = world_languages(result)
        for one, other in found:
            found[one, other] = world_distances(WorldConfig(languages={one: languages[one], other: languages[other]}))[other]
        return found
    for place, one in enumerate(codes[:-1]):
        for kind, by_code in uriel_distances(codes[place + 1 :], one).items():
            for other, distance in by_code.items():
                found[one, other][kind] = distance
    return found
