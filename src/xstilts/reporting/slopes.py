"""Regressions of scores and gains on a language's distance to the source language: see `regression`.

Real languages are nested in families; those of a synthetic world, each declared by itself, have none.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.groups import families
from xstilts.reporting.regression import Regression, regress

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

SCORE, GAIN = "score without intermediate task", "gain"
POINTS = "target condition outcome intermediate seed language value seen".split()


@dataclass(frozen=True)
class Slope:
    """The regression of one target's scores without intermediate task, or of its gains with all of them."""

    target: str
    condition: str
    outcome: str
    """SCORE or GAIN."""
    kind: str
    """The kind of distance."""
    line: Regression
    seeds: int

    @property
    def p(self) -> float:
        """The p-value of the slope; NaN with one seed, which is not tested."""
        return self.line.p if self.seeds > 1 else math.nan


def slopes(analysis: "Analysis", table: "DataFrame") -> list[Slope]:
    """Return a regression for every target, outcome and kind of distance in `table`, which is from `distances`."""
    found = []
    for (target, condition, outcome), part in points(analysis).groupby(["target", "condition", "outcome"], sort=False):
        values = part.pivot_table(index=["intermediate", "seed"], columns="language", values="value")
        for kind, own in table[table["condition"] == condition].groupby("kind", sort=False):
            line = slope_on_distance(analysis, values, own.set_index("language")["distance"])
            if line is not None:
                found.append(Slope(target, condition, outcome, kind, line, part["seed"].nunique()))
    return found


def slope_on_distance(analysis: "Analysis", values: "DataFrame", distance: Mapping[str, float]) -> Regression | None:
    """Regress values on distance to the source language; None for too few languages.

    `values` has a row per run and a column per language, in percent or percentage points, NaN where a run lacks a language. They
    may be anything that a run gives for a language, such as a difference between two choices. `distance`: language -> distance;
    languages without one do not count. Nothing here says how many seeds the runs have: one seed is not tested.
    """
    codes = list(values.columns)
    known = [distance.get(code, math.nan) for code in codes]
    return regress(values.to_numpy(), known, None if analysis.synthetic else families(codes))


def points(analysis: "Analysis") -> "DataFrame":
    """Return the main scores of all languages but the source language, in percent: SCORE of the baseline, GAIN of each choice.

    `seen`: phase 2 trained in the language.
    """
    from pandas import DataFrame, concat

    main = analysis.scores[analysis.scores["main"] & ~analysis.scores["source"]]
    none = main[main["intermediate"] == BASELINE]
    keys = ["target", "condition", "seed", "language"]
    treated = main[main["intermediate"] != BASELINE].merge(none[[*keys, "value"]], on=keys, suffixes=("", "_none"))
    gained = treated.assign(value=treated["value"] - treated["value_none"], outcome=GAIN)
    parts = [part for part in (none.assign(outcome=SCORE), gained) if len(part)]
    return concat(parts)[POINTS] if parts else DataFrame([], columns=POINTS)
