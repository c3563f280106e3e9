"""Laws of how a score grows with the size of an intermediate task, fitted to nested subsets of its training data.

    log      score = a + b ln(n)
    power    score = a + b n^-c, c > 0: grows or falls towards a

The law with the lower AIC, corrected for few points (Hurvich and Tsai 1989), is chosen; the logarithm if there are too few
points. The band is the interval of the mean score by the delta method: a seed moves all sizes alike, which is an error of the
level, and the rest is an error of each point. It holds for each size separately and ignores the choice of the law.

Shapes: S seeds, N sizes, P parameters.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.conditions import differences, intermediate_settings, typed
from xstilts.reporting.groups import ALL, OTHERS, SOURCE
from xstilts.reporting.naming import choice_name
from xstilts.reporting.statistics import LEVEL
from xstilts.sources.splits import bounds, parse_split
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

Array = NDArray[np.float64]
FEWEST = 4
"""The smallest number of sizes for a curve."""
_SIZE = ("max_examples", "fraction")
"""The options of an intermediate task that limit its number of examples."""
_EXPONENTS = np.geomspace(0.05, 3.0, 25)


@dataclass(frozen=True)
class Law:
    """A law fitted to scores in percent."""

    name: str
    """`log` or `power`."""
    unit: float
    """The geometric mean of the sizes, in which n is counted so that the parameters have similar magnitudes."""
    parameters: tuple[float, ...]
    """a, b, and c for the power law."""
    aic: Mapping[str, float]
    """Law -> AIC, corrected for few points; infinite if there are too few."""
    level: float
    """Variance of the mean over all sizes and seeds."""
    covariance: Array
    """Covariance of the parameters given that mean, [P, P]."""
    freedom: tuple[int, int]
    """Degrees of freedom of the two variances."""

    def at(self, sizes: ArrayLike) -> Array:
        """Return the mean score at some sizes."""
        return _LAWS[self.name](np.asarray(sizes) / self.unit, *self.parameters)

    def band(self, sizes: ArrayLike) -> tuple[Array, Array]:
        """Return the ends of the 95 % interval of the mean score at some sizes."""
        from scipy.special import stdtrit

        gradient_NP = _gradient(self.name, np.asarray(sizes) / self.unit, self.parameters)
        rest_N = np.maximum(np.einsum("np,pq,nq->n", gradient_NP, self.covariance, gradient_NP), 0.0)
        of_level, of_rest = (float(stdtrit(freedom, (1 + LEVEL) / 2)) for freedom in self.freedom)
        # Each variance has its own quantile: with few seeds, the sum would have too many degrees of freedom.
        reach_N = np.sqrt(of_level**2 * self.level + of_rest**2 * rest_N)
        middle_N = self.at(sizes)
        return middle_N - reach_N, middle_N + reach_N

    def formula(self) -> str:
        """Write `62.1 + 3.4 ln(n)`, n in examples."""
        a, b, *rest = self.parameters
        level, factor = (a, b * self.unit ** rest[0]) if rest else (a - b * math.log(self.unit), b)
        return f"{level:.4g} {'-' if factor < 0 else '+'} {abs(factor):.4g} " + (f"n^-{rest[0]:.3g}" if rest else "ln(n)")


@dataclass(frozen=True)
class Curve:
    """The scores of one target in one language or group of languages, by the size of one intermediate task."""

    target: str
    condition: str
    intermediate: str
    """The intermediate choice without the size."""
    task: str
    """The intermediate task whose size varies."""
    group: str
    """A language, or `all languages`, `source language`, `other languages`."""
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    scores: Array
    """[S, N], in percent."""
    baseline: float | None
    """The mean score without an intermediate task, over the same seeds."""
    law: Law


def curves(analysis: "Analysis") -> list[Curve]:
    """Return a curve for every target and group of languages with at least FEWEST sizes of one task that share a seed."""
    main = _sized(analysis)
    if main is None:
        return []
    found = []
    for (target, condition), part in main.groupby(["target", "condition"], sort=False):
        rest = part[~part["source"]]
        groups = {ALL: part, SOURCE: part[part["source"]], OTHERS: rest} if part["source"].any() else {OTHERS: rest}
        groups |= {code: part[part["language"] == code] for code in part["language"].unique()}
        for intermediate in part.loc[part["size"] > 0, "choice"].unique():
            for group, own in groups.items():
                table = own[own["choice"] == intermediate].pivot_table(values="value", index="seed", columns="size").dropna()
                if table.shape[1] < FEWEST or not len(table):
                    continue
                none = own[(own["size"] == 0) & own["seed"].isin(table.index)]
                task = own.loc[own["choice"] == intermediate, "task"].iloc[0]
                sizes, seeds = tuple(int(size) for size in table.columns), tuple(int(seed) for seed in table.index)
                law = fit(sizes, table.to_numpy())
                base = float(none["value"].mean()) if len(none) else None
                found.append(Curve(target, condition, intermediate, task, group, sizes, seeds, table.to_numpy(), base, law))
    return found


def fit(sizes: Sequence[int], scores_SN: Array) -> Law:
    """Fit both laws and return the better; a row of `scores_SN` is one seed. ValueError for fewer than FEWEST different sizes."""
    if len(set(sizes)) < FEWEST or min(sizes) < 1:
        raise ValueError(f"{len(set(sizes))} sizes, expected at least {FEWEST} from 1 on; got {sizes}")
    unit = math.exp(float(np.log(sizes).mean()))
    n_N = np.asarray(sizes, dtype=np.float64) / unit
    scores_SN = np.asarray(scores_SN, dtype=np.float64)
    mean_N, (seeds, count) = scores_SN.mean(axis=0), scores_SN.shape
    shift_S = scores_SN.mean(axis=1) - scores_SN.mean()
    fitted = {"log": _fit_log(n_N, mean_N), "power": _fit_power(n_N, mean_N)}
    rest = {}
    for name, parameters in fitted.items():
        rest[name] = float(((scores_SN - shift_S[:, None] - _LAWS[name](n_N, *parameters)) ** 2).sum())
    aic = {name: _aic(rest[name], seeds * count, len(fitted[name]) + seeds) for name in fitted}
    chosen = "power" if aic["power"] < aic["log"] else "log"
    parameters = fitted[chosen]
    freedom = seeds * count - len(parameters) - (seeds - 1)
    variance = rest[chosen] / freedom
    between = count * float(shift_S.var(ddof=1)) if seeds > 1 else variance
    gradient_NP = _gradient(chosen, n_N, parameters)
    covariance = variance / seeds * np.linalg.pinv(gradient_NP.T @ gradient_NP)
    covariance[0, 0] -= variance / (seeds * count)  # the variance of the mean, for which `level` stands
    level = between / (seeds * count)
    return Law(chosen, unit, parameters, aic, level, covariance, (seeds - 1 or freedom, freedom))


def _log(n: Array, a: float, b: float) -> Array:
    return a + b * np.log(n)


def _power(n: Array, a: float, b: float, c: float) -> Array:
    return a + b * n**-c


_LAWS: Mapping[str, Callable[..., Array]] = {"log": _log, "power": _power}


def _gradient(name: str, n_N: Array, parameters: Sequence[float]) -> Array:
    """Return the gradient by the parameters, [N, P]."""
    if name == "log":
        return np.stack([np.ones_like(n_N), np.log(n_N)], axis=1)
    _, b, c = parameters
    return np.stack([np.ones_like(n_N), n_N**-c, -b * np.log(n_N) * n_N**-c], axis=1)


def _fit_log(n_N: Array, mean_N: Array) -> tuple[float, ...]:
    slope, level = np.polyfit(np.log(n_N), mean_N, 1)
    return float(level), float(slope) if abs(slope) > 1e-12 * max(1.0, abs(level)) else 0.0  # smaller slopes are rounding errors


def _fit_power(n_N: Array, mean_N: Array) -> tuple[float, ...]:
    """Fit from the best exponent of a grid; with a given exponent the fit is linear."""
    from scipy.optimize import OptimizeWarning, curve_fit

    starts = []
    for c in _EXPONENTS:
        design_N2 = np.stack([np.ones_like(n_N), n_N**-c], axis=1)
        solved = np.linalg.lstsq(design_N2, mean_N, rcond=None)[0]
        starts.append((float(((design_N2 @ solved - mean_N) ** 2).sum()), *map(float, solved), float(c)))
    _, *start = min(starts)
    bounds = ([-np.inf, -np.inf, _EXPONENTS[0] / 2], [np.inf, np.inf, 2 * _EXPONENTS[-1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # no covariance, which the gradient gives
        try:
            a, b, c = curve_fit(_power, n_N, mean_N, p0=start, bounds=bounds)[0]
        except RuntimeError:  # no optimum within the allowed steps
            a, b, c = start
    return float(a), float(b), float(c)


def _aic(rest: float, points: int, parameters: int) -> float:
    """Return the corrected AIC; `parameters` include those of the seeds and the variance."""
    if points - parameters - 1 <= 0:
        return math.inf
    correction = 2 * parameters * (parameters + 1) / (points - parameters - 1)
    return points * math.log(max(rest, 1e-12) / points) + 2 * parameters + correction


def _sized(analysis: "Analysis") -> "DataFrame | None":
    """Select the main scores of choices that differ in the size of one task, and of the baseline (size 0).

    None if there are no such choices.
    """
    found = _sizes(analysis)
    if not found:
        return None
    sizes = {BASELINE: (BASELINE, "", 0)} | found
    main = analysis.scores[analysis.scores["main"] & analysis.scores["intermediate"].isin(sizes)]
    columns = {key: [sizes[name][place] for name in main["intermediate"]] for place, key in enumerate(("choice", "task", "size"))}
    return main.assign(**columns)


def _sizes(analysis: "Analysis") -> dict[str, tuple[str, str, int]]:
    """Return choice -> name of its family, task whose size differs in it, and number of that task's examples.

    A family is a set of choices that use the same intermediate tasks alike except for the size of one. The names that a study
    gives its choices do not matter.
    """
    families: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], dict[str, Mapping[str, Any]]] = {}
    for row in analysis.provenance.drop_duplicates("intermediate").itertuples():
        result = read_result(CellPaths(analysis.folder, row.cell).result)
        tasks = tuple(result["config"].get("intermediate", {}).get("tasks", {}))
        of_size = {f"{task}.{option}" for task in tasks for option in _SIZE}
        rest = tuple(sorted((key, value) for key, value in intermediate_settings(result).items() if key not in of_size))
        families.setdefault((tasks, rest), {})[row.intermediate] = result["config"]
    found: dict[str, tuple[str, str, int]] = {}
    several = [key for key, members in families.items() if key[0] and len(members) > 1]
    for tasks, rest in several:
        alike = differences(dict(other) for same, other in several if same == tasks)
        name = " ".join(part for part in (choice_name("+".join(tasks)), typed(dict(rest), alike)) if part)
        members = families[tasks, rest]
        counts = {task: {choice: _examples(config, task) for choice, config in members.items()} for task in tasks}
        differing = [task for task, by_choice in counts.items() if len(set(by_choice.values())) > 1]
        if len(differing) == 1:
            found |= {choice: (name, differing[0], count) for choice, count in counts[differing[0]].items() if count}
    return found


def _examples(config: Mapping[str, Any], task: str) -> int | None:
    """Return the number of training examples that are used, by the task's declaration; None if that does not give it."""
    used = config["intermediate"]["tasks"][task]
    whole, limit, fraction = _whole(used, config.get("data", {})), used.get("max_examples"), used.get("fraction")
    if fraction is not None:
        return None if whole is None else max(1, round(whole * fraction))
    return min((count for count in (whole, limit) if count is not None), default=None)


def _whole(used: Mapping[str, Any], data: Mapping[str, Any]) -> int | None:
    """Return the number of examples in all languages used; None if it is not declared for one of them."""
    split, start, stop = parse_split(used.get("train") or "train")
    sources = used.get("task", {}).get("sources", {})
    own = sources.get(data.get("source"), {})
    rows: list[int | None] = []
    for code in used.get("languages") or []:
        if generator := own.get("generator"):
            made = generator["rows"].get(split)
            rows.append(None if made is None else max(1, round(made * data.get("world", {}).get("rows", 1.0))))
        else:  # another source of the task may declare what this one does not
            declared = [(source.get("expect") or {}).get(split, {}).get("rows", {}) for source in (own, *sources.values())]
            rows.append(next((count for by_code in declared if (count := by_code.get(code, by_code.get("*")))), None))
    known = [row for row in rows if row is not None]
    return sum(end - first for first, end in (bounds(row, start, stop) for row in known)) if known and known == rows else None
