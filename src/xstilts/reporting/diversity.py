"""Diversity of the languages of an intermediate choice: the mean distance between two of them.

Distances are those of `language_distances`. A choice in one language has the diversity 0.
"""

from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE, trained_in
from xstilts.reporting.language_distances import distances_to
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

DIVERSITY = "condition intermediate languages kind diversity".split()


def diversity(analysis: "Analysis") -> "DataFrame":
    """Return a row per condition, intermediate choice and kind of distance.

    `languages` are those that phase 2 trains in, separated by blanks; `diversity` is NaN if a distance between two of them is
    unknown. Empty if every choice has one language only. UserError if URIEL+ is needed and not installed.
    """
    from pandas import DataFrame

    rows: list[list[object]] = []
    for condition, own in analysis.provenance.groupby("condition", sort=False):
        used = {
            row.intermediate: trained_in(read_result(CellPaths(analysis.folder, row.cell).result))
            for row in own.drop_duplicates("intermediate").itertuples()
            if row.intermediate != BASELINE
        }
        every = sorted({code for codes in used.values() for code in codes})
        known = {source: distances_to(analysis, condition, source, every) for source in every} if len(every) > 1 else {}
        for kind in dict.fromkeys(kind for by_kind in known.values() for kind in by_kind):
            for choice, codes in used.items():
                between = [known[one][kind].get(other, float("nan")) for one, other in combinations(codes, 2)]
                rows.append([condition, choice, " ".join(codes), kind, fmean(between) if between else 0.0])
    return DataFrame(rows, columns=DIVERSITY)
