"""Diversity of the languages of an intermediate choice, the mean distance between two of them, and what it is worth.

Distances are those of `language_distances`. A choice in one language has the diversity 0.

The slope of gains on diversity is a regression whose sample are sets of languages: seeds, targets and languages of the tests are
averaged, since more of them say nothing of other sets. Only choices that are alike but for their languages are compared, and only
in languages that phase 2 did not train in; what a set's gain lacks of them is adjusted for (see `regression`).
"""

from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE, trained_in
from xstilts.reporting.language_distances import distances_to
from xstilts.reporting.naming import alike_choices
from xstilts.reporting.regression import Regression, regress
from xstilts.reporting.slopes import GAIN, points
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

DIVERSITY = "condition tasks intermediate languages kind diversity".split()
_OF_LANGUAGES = ("languages", "language_exponent", "parallel")
"""The options of an intermediate task that say in which languages it is, and with which shares."""


@dataclass(frozen=True)
class DiversitySlope:
    """The regression of the gains of choices that are alike but for their languages, on the diversity of these."""

    condition: str
    tasks: str
    """A name for what the choices have in common."""
    kind: str
    """The kind of distance."""
    sets: int
    line: Regression | None
    """None for too few sets."""
    targets: int
    seeds: int


def diversity(analysis: "Analysis") -> "DataFrame":
    """Return a row per condition, intermediate choice and kind of distance.

    `tasks` names the group of choices that are alike but for their languages, and is empty if there is no other such choice;
    `languages` are those that phase 2 trains in, separated by blanks; `diversity` is NaN if a distance between two of them is
    unknown. Empty if every choice has one language only. UserError if URIEL+ is needed and not installed.
    """
    from pandas import DataFrame

    rows: list[list[object]] = []
    for condition, own in analysis.provenance.groupby("condition", sort=False):
        cells = own[own["intermediate"] != BASELINE].drop_duplicates("intermediate")
        results = {row.intermediate: read_result(CellPaths(analysis.folder, row.cell).result) for row in cells.itertuples()}
        used = {choice: trained_in(result) for choice, result in results.items()}
        alike = {choice: name for name, choices in alike_choices(results, _OF_LANGUAGES).items() for choice in choices}
        every = sorted({code for codes in used.values() for code in codes})
        known = {source: distances_to(analysis, condition, source, every) for source in every} if len(every) > 1 else {}
        for kind in dict.fromkeys(kind for by_kind in known.values() for kind in by_kind):
            for choice, codes in used.items():
                between = [known[one].get(kind, {}).get(other, float("nan")) for one, other in combinations(codes, 2)]
                rows.append([condition, alike.get(choice, ""), choice, " ".join(codes), kind, fmean(between) if between else 0.0])
    return DataFrame(rows, columns=DIVERSITY)


def diversity_slopes(analysis: "Analysis", table: "DataFrame") -> list[DiversitySlope]:
    """Return a regression per condition, group of choices with several sets of languages, and kind of distance.

    `table` is from `diversity`.
    """
    gains, found = gains_unseen(analysis), []
    for (condition, tasks, kind), own in table[table["tasks"] != ""].groupby(["condition", "tasks", "kind"], sort=False):
        joined = gains[gains["condition"] == condition].merge(own[["intermediate", "languages", "diversity"]], on="intermediate")
        sets, line = slope_on_diversity(joined)
        if sets > 1:
            counts = joined["target"].nunique(), joined["seed"].nunique()
            found.append(DiversitySlope(condition, tasks, kind, sets, line, *counts))
    return found


def gains_unseen(analysis: "Analysis") -> "DataFrame":
    """Return the gains of all choices in languages that phase 2 did not train in, as `slopes.points` has them."""
    every = points(analysis)
    return every[(every["outcome"] == GAIN) & ~every["seen"].astype(bool)]


def slope_on_diversity(gains: "DataFrame") -> tuple[int, Regression | None]:
    """Regress gains on the diversity of sets of languages: choices with the same set count once, with their mean.

    `gains`: a row per choice, target, seed and test language, with `languages` (the set), `diversity` and `value`. Returns the
    number of sets whose diversity is known, and the line; None for too few.
    """
    by_set = gains.groupby("languages")["diversity"].first().dropna()
    values = gains.pivot_table(index=["target", "language"], columns="languages", values="value").reindex(columns=by_set.index)
    return len(by_set), regress(values.to_numpy(), by_set.to_numpy())
