"""Regressions of scores and gains on a language's distance to the source language.

Languages are the sample: another seed of the same seven languages adds little about distance. So every language counts once, with
its mean over runs (a run is a choice with a seed; runs that lack languages are adjusted by least squares), and an ordinary
regression over languages follows. If every run has every language, this is the mixed model in which each run has its own level
and each language a random deviation from the line; its test is then exact.

Shapes: N scores, R runs, L languages.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.statistics import LEVEL

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

Array = NDArray[np.float64]
SCORE, GAIN = "score without intermediate task", "gain"
FEWEST = 4
"""The smallest number of languages for a regression."""
POINTS = "target condition outcome intermediate seed language value".split()


@dataclass(frozen=True)
class Regression:
    """A regression line: percentage points that a distance of 1 adds to a score or gain."""

    slope: float
    slope_error: float
    """Standard error."""
    p: float
    """Two-sided, of slope 0; not corrected for the number of regressions."""
    middle: tuple[float, float]
    """A point of the line: mean distance and mean value of the languages."""
    middle_error: float
    """Standard error of that mean value, over languages."""
    languages: int
    observations: int
    language_sd: float
    """Standard deviation of the languages from the line; NaN with one run, which does not separate it from the rest."""
    rest_sd: float

    @property
    def low(self) -> float:
        """Lower end of the slope's 95 % interval."""
        return self.slope - self._quantile * self.slope_error

    @property
    def high(self) -> float:
        """Upper end of the slope's 95 % interval."""
        return self.slope + self._quantile * self.slope_error

    def at(self, distances: ArrayLike) -> Array:
        """Return the mean value at some distances."""
        return self.middle[1] + self.slope * (np.asarray(distances) - self.middle[0])

    def band(self, distances: ArrayLike) -> tuple[Array, Array]:
        """Return the ends of the 95 % interval of that mean, for other languages of the same kind."""
        reach = self._quantile * np.hypot(self.middle_error, self.slope_error * (np.asarray(distances) - self.middle[0]))
        return self.at(distances) - reach, self.at(distances) + reach

    @property
    def _quantile(self) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(self.languages - 2, (1 + LEVEL) / 2))


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
        for kind, own in table[table["condition"] == condition].groupby("kind", sort=False):
            line = regression(part.merge(own[["language", "distance"]], on="language"))
            if line is not None:
                found.append(Slope(target, condition, outcome, kind, line, part["seed"].nunique()))
    return found


def points(analysis: "Analysis") -> "DataFrame":
    """Return the main scores of all languages but the source language, in percent: SCORE of the baseline, GAIN of each choice."""
    from pandas import DataFrame, concat

    main = analysis.scores[analysis.scores["main"] & ~analysis.scores["source"]]
    none = main[main["intermediate"] == BASELINE]
    keys = ["target", "condition", "seed", "language"]
    treated = main[main["intermediate"] != BASELINE].merge(none[[*keys, "value"]], on=keys, suffixes=("", "_none"))
    gained = treated.assign(value=treated["value"] - treated["value_none"], outcome=GAIN)
    parts = [part for part in (none.assign(outcome=SCORE), gained) if len(part)]
    return concat(parts)[POINTS] if parts else DataFrame([], columns=POINTS)


def regression(table: "DataFrame") -> Regression | None:
    """Regress `value` on `distance`; other columns are `language`, `intermediate` and `seed`.

    None for fewer than FEWEST languages and if all have the same distance.
    """
    from scipy.special import stdtr

    codes, language_N = np.unique(table["language"], return_inverse=True)
    runs, run_N = np.unique(table["intermediate"] + "/" + table["seed"].astype(str), return_inverse=True)
    distance_L = table.groupby("language")["distance"].first().to_numpy(np.float64)
    if len(codes) < FEWEST or np.ptp(distance_L) == 0:
        return None
    value_N = table["value"].to_numpy(np.float64)
    design = np.hstack([np.eye(len(runs))[run_N], np.eye(len(codes))[language_N]])
    solved = np.linalg.lstsq(design, value_N, rcond=None)[0]
    mean_L = solved[: len(runs)].mean() + solved[len(runs) :]
    offset_L = distance_L - distance_L.mean()
    deviation_L = np.round(mean_L - mean_L.mean(), 9)  # scores that are equal but for rounding have no slope
    spread = float((offset_L**2).sum())
    slope = float(offset_L @ deviation_L) / spread
    around_line = math.sqrt(float(((deviation_L - slope * offset_L) ** 2).sum()) / (len(codes) - 2))
    slope_error = around_line / math.sqrt(spread)
    p = 2 * float(stdtr(len(codes) - 2, -abs(slope) / slope_error)) if slope_error else float(slope == 0.0)
    language_sd, rest_sd = math.nan, around_line
    if freedom := len(value_N) - len(runs) - len(codes) + 1:
        rest_sd = math.sqrt(float(((value_N - design @ solved) ** 2).sum()) / freedom)
        language_sd = math.sqrt(max(around_line**2 - rest_sd**2 / len(runs), 0.0))
    middle, middle_error = (float(distance_L.mean()), float(mean_L.mean())), around_line / math.sqrt(len(codes))
    judged = slope, slope_error, p, middle, middle_error
    return Regression(*judged, len(codes), len(value_N), language_sd, rest_sd)
