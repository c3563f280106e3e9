"""How much of a score, or of a gain, a language loses with its distance to the source language: regressions.

A mixed model (statsmodels' MixedLM, restricted maximum likelihood): every run, that is a choice with a seed, has its own level,
every language a random deviation from the line, and the slope is common. Languages are the sample: another seed of the same
seven languages says little more about distance. So the slope is judged by a t distribution with two degrees of freedom fewer
than there are languages, which is exact where every run has every language, and not by MixedLM's normal distribution, which
finds slopes where there are none.
"""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.distance import distances as world_distances
from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE, world_languages
from xstilts.reporting.statistics import LEVEL
from xstilts.reporting.uriel import uriel_distances
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

Array = NDArray[np.float64]
SCORE, GAIN = "score without intermediate task", "gain"
FEWEST = 4
"""Languages; with fewer there is no regression."""
DISTANCES = "condition kind language distance".split()
POINTS = "target condition outcome intermediate seed language value".split()


@dataclass(frozen=True)
class Line:
    """A regression: what a distance of 1 adds to a score or gain, in percent points."""

    slope: float
    low: float
    """The ends of the 95 % interval."""
    high: float
    p: float
    """Two-sided, of slope 0; not corrected for the number of regressions."""
    middle: tuple[float, float]
    """A point of the line: mean distance and mean value."""
    languages: int
    observations: int
    language_sd: float
    """Of the languages' deviations from the line; NaN where one run cannot tell them from the rest."""
    rest_sd: float

    def at(self, distances: ArrayLike) -> Array:
        """The mean value at some distances."""
        return self.middle[1] + self.slope * (np.asarray(distances) - self.middle[0])

    def band(self, distances: ArrayLike) -> tuple[Array, Array]:
        """The ends of the 95 % interval of that mean: of these runs, and of languages drawn anew. Exact where every run has every
        language."""
        from scipy.special import stdtrit

        between = 0.0 if math.isnan(self.language_sd) else self.language_sd**2
        level = math.sqrt(between / self.languages + self.rest_sd**2 / self.observations)
        of_level = level * float(stdtrit(self.languages - 2, (1 + LEVEL) / 2))
        reach = np.hypot(of_level, (self.high - self.slope) * (np.asarray(distances) - self.middle[0]))
        return self.at(distances) - reach, self.at(distances) + reach


@dataclass(frozen=True)
class Slope:
    """The regression of one target's scores without intermediate task, or of its gains with all of them."""

    target: str
    condition: str
    outcome: str
    kind: str
    """Of distance."""
    line: Line


def slopes(analysis: "Analysis", table: "DataFrame") -> list[Slope]:
    """For every target, outcome and kind of distance in `table` (as `distances` gives it)."""
    found = []
    for (target, condition, outcome), part in points(analysis).groupby(["target", "condition", "outcome"], sort=False):
        for kind, own in table[table["condition"] == condition].groupby("kind", sort=False):
            line = regression(part.merge(own[["language", "distance"]], on="language"))
            if line is not None:
                found.append(Slope(target, condition, outcome, kind, line))
    return found


def distances(analysis: "Analysis") -> "DataFrame":
    """A row per condition, kind of distance and language: of a synthetic world by its parameters, else by URIEL.

    UserError where URIEL+ is needed and not installed.
    """
    from pandas import DataFrame

    rows = []
    languages = list(analysis.scores["language"].unique())
    by_kind = {} if analysis.synthetic else uriel_distances(languages, analysis.source)
    for condition in analysis.scores["condition"].unique():
        if analysis.synthetic:
            by_kind = _of_world(analysis, condition)
        rows += [[condition, kind, code, value] for kind, found in by_kind.items() for code, value in found.items()]
    return DataFrame(rows, columns=DISTANCES)


def points(analysis: "Analysis") -> "DataFrame":
    """The main scores of all languages but the source language, in percent: without intermediate task, and gained with each."""
    from pandas import DataFrame, concat

    main = analysis.scores[analysis.scores["main"] & ~analysis.scores["source"]]
    none = main[main["intermediate"] == BASELINE]
    keys = ["target", "condition", "seed", "language"]
    treated = main[main["intermediate"] != BASELINE].merge(none[[*keys, "value"]], on=keys, suffixes=("", "_none"))
    gained = treated.assign(value=treated["value"] - treated["value_none"], outcome=GAIN)
    parts = [part for part in (none.assign(outcome=SCORE), gained) if len(part)]
    return concat(parts)[POINTS] if parts else DataFrame([], columns=POINTS)


def regression(table: "DataFrame") -> Line | None:
    """Of `value` on `distance`, columns beside them `language`, `intermediate`, `seed`; None for fewer than `FEWEST` languages or
    where all have one distance."""
    languages = table["language"].to_numpy()
    x, y = table["distance"].to_numpy(np.float64), table["value"].to_numpy(np.float64)
    count = len(np.unique(languages))
    if count < FEWEST or np.ptp(x) == 0:
        return None
    runs = (table["intermediate"] + "/" + table["seed"].astype(str)).to_numpy()
    names = np.unique(runs)
    design = np.column_stack([x - x.mean(), *(runs == name for name in names)]).astype(np.float64)
    if len(names) > 1:
        between, rest = _variances(y, design, languages)
    else:
        between, rest = math.nan, _least_squares_variance(y, design)
    slope, error = _generalised(y, design, languages, 0.0 if math.isnan(between) else between, rest)
    low, high, p = _judged(slope, error, count - 2)
    middle = (float(x.mean()), float(y.mean()))
    return Line(slope, low, high, p, middle, count, len(y), math.sqrt(between), math.sqrt(rest))


def _judged(slope: float, error: float, freedom: int) -> tuple[float, float, float]:
    from scipy.special import stdtr, stdtrit

    if error == 0.0:
        return slope, slope, float(slope == 0.0)
    reach = error * float(stdtrit(freedom, (1 + LEVEL) / 2))
    return slope - reach, slope + reach, 2 * float(stdtr(freedom, -abs(slope) / error))


def _variances(y: Array, design: Array, languages: NDArray[np.object_]) -> tuple[float, float]:
    """Between languages and of the rest."""
    from numpy.linalg import LinAlgError
    from statsmodels.regression.mixed_linear_model import MixedLM

    rest = _least_squares_variance(y, design)
    if rest == 0.0:
        return 0.0, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of 0 is at the boundary, which is said in several ways
        try:
            model = MixedLM(y / math.sqrt(rest), design, groups=languages).fit(reml=True, method=["lbfgs", "powell"])
            between, scale = float(model.cov_re[0, 0]), float(model.scale)
        except LinAlgError:
            between = scale = math.nan
    if not (math.isfinite(between) and math.isfinite(scale)):
        return 0.0, rest
    return between * rest, scale * rest


def _least_squares_variance(y: Array, design: Array) -> float:
    """0 for an exact line, whose residuals are those of rounding."""
    solved = np.linalg.lstsq(design, y, rcond=None)[0]
    variance = float(((y - design @ solved) ** 2).sum()) / (len(y) - design.shape[1])
    return variance if variance >= 1e-20 * max(1.0, float((y**2).mean())) else 0.0


def _generalised(y: Array, design: Array, languages: NDArray[np.object_], between: float, rest: float) -> tuple[float, float]:
    """Slope and standard error by generalised least squares, given the variances (both 0: of an exact line)."""
    ratio = between / rest if rest else 0.0
    of_NL = (languages[:, None] == np.unique(languages)).astype(np.float64)
    # The inverse of the covariance times the design, language by language (Sherman and Morrison 1950).
    shrunk_L1 = (ratio / (1 + ratio * of_NL.sum(axis=0)))[:, None]
    weighted = (design - of_NL @ (shrunk_L1 * (of_NL.T @ design))) / (rest or 1.0)
    covariance = np.linalg.pinv(design.T @ weighted)
    slope = float((covariance @ (weighted.T @ y))[0])
    if rest:
        return slope, math.sqrt(covariance[0, 0])
    return (slope if abs(slope) > 1e-9 * max(1.0, float(np.abs(y).max())) else 0.0), 0.0  # below, it is rounding, too


def _of_world(analysis: "Analysis", condition: str) -> dict[str, dict[str, float]]:
    """Kind -> language -> distance to the pivot, from the config of one of the condition's cells."""
    cells = analysis.provenance.loc[analysis.provenance["condition"] == condition, "cell"]
    languages = world_languages(read_result(CellPaths(analysis.folder, cells.iloc[0]).result))
    by_language = world_distances(WorldConfig(languages=languages))
    kinds = dict.fromkeys(kind for found in by_language.values() for kind in found)
    return {kind: {code: found[kind] for code, found in by_language.items()} for kind in kinds}
