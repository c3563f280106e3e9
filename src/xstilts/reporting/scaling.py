"""Laws of how a score grows with the size of an intermediate task, fitted to nested subsets of its training data.

    log      score = a + b ln(n)
    power    score = a + b n^-c, c > 0: grows or falls towards a
    neither  any score at each size, joined by lines in ln(n); needs several seeds

Four to six sizes rarely decide between laws, so line and band are averages over all of them (Hoeting et al. 1999), each exponent
c by itself, weighted by the probability of a law given the scores. It follows from the sum of squares by the Bayesian information
criterion (Schwarz 1978), which exists for any number of sizes. The band has two parts besides the differences between laws:

    level       a seed moves all sizes alike; its variance is that of the seeds' means
    deviation   of the mean score at a size from its law, by chance and since no law is exact. One seed does not separate the two,
                so the band allows for either. Several seeds tell what is chance, and the rest is the misfit of the law.

Without misfit, bands of a wrong law would be narrow where many seeds make the means exact.

Shapes: S seeds, N sizes, C candidates (log and one for each exponent), M sizes at which a law is asked for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xstilts.numbering import counted
from xstilts.paths import CellPaths
from xstilts.reporting.comparison import BASELINE, Result, world_languages
from xstilts.reporting.groups import ALL, OTHERS, SCARCE, SOURCE, low_resource
from xstilts.reporting.naming import alike_choices
from xstilts.reporting.statistics import LEVEL
from xstilts.sources.splits import bounds, parse_split
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

Array = NDArray[np.float64]
FEWEST = 4
"""The smallest number of sizes for a curve."""
LOG, POWER, NEITHER = LAWS = "log", "power", "neither"
_PRIOR = (0.45, 0.45, 0.1)
"""Probabilities of LAWS before the scores are seen; all exponents of the power law share its own alike."""
_SIZE = ("max_examples", "fraction")
"""The options of an intermediate task that limit its number of examples."""
_EXPONENTS = np.arange(0, 41) * 0.05
"""Exponents c of the candidates; 0 stands for the logarithm."""


@dataclass(frozen=True)
class Law:
    """Laws fitted to scores in percent, and how probable each is."""

    probability: Mapping[str, float]
    """Each of LAWS -> its probability; that of NEITHER is 0 with one seed."""
    unit: float
    """The geometric mean of the sizes, in which n is counted so that the parameters have similar magnitudes."""
    n_N: Array
    """The sizes, in that unit."""
    mean_N: Array
    """Mean scores over seeds."""
    weight_C: Array
    """Probability of each candidate."""
    parameters_C2: Array
    """a and b of each candidate."""
    inverse_C22: Array
    """Their covariance, for a variance of the means of 1."""
    rest_C: Array
    """Variance of the means around each candidate."""
    noise: float
    """Variance of a mean over seeds by chance, without that of the level; NaN with one seed."""
    level: float
    """Variance over seeds of the mean over all sizes; 0 with one seed, which shows nothing of it."""
    seeds: int

    @property
    def name(self) -> str:
        """The most probable of LAWS."""
        return max(LAWS, key=lambda name: self.probability[name])

    def at(self, sizes: ArrayLike) -> Array:
        """Return the mean score at some sizes."""
        value_CM, _ = self._values(np.asarray(sizes) / self.unit)
        return self._weights @ value_CM

    def band(self, sizes: ArrayLike) -> tuple[Array, Array]:
        """Return the ends of the 95 % interval of the mean score at some sizes between the smallest and the largest.

        It holds for each size separately. With one seed it does not cover another seed, which may move all sizes.
        """
        from scipy.special import stdtrit

        n_M = np.asarray(sizes) / self.unit
        value_CM, share_CM = self._values(n_M)
        count, neither = len(self.n_N), np.full(len(n_M), self.noise * (1 - 1 / len(self.n_N)))
        of_rest = count - 2
        if self.seeds == 1:
            variance_CM = np.maximum(share_CM, 1 - share_CM) * self.rest_C[:, None]
            freedom_CM = np.full_like(variance_CM, of_rest)
        else:
            of_noise = (self.seeds - 1) * (count - 1)
            # Misfit is what the means deviate more than by chance; the mean over all sizes is in `level`.
            misfit_CM = np.where(self.rest_C > self.noise, 1, 0)[:, None] * np.maximum(1 - share_CM, 0.0)
            first_CM = misfit_CM * self.rest_C[:, None]
            second_CM = (share_CM - 1 / count - misfit_CM) * self.noise
            variance_CM = np.vstack([np.maximum(first_CM + second_CM, 0.0), neither])
            scatter_CM = np.vstack([first_CM**2 / of_rest + second_CM**2 / of_noise, neither**2 / of_noise])
            # Satterthwaite 1946
            freedom_CM = np.divide(variance_CM**2, scatter_CM, where=scatter_CM > 0, out=np.full_like(scatter_CM, of_noise))
            freedom_CM = np.maximum(freedom_CM, of_rest)
        middle_M = self._weights @ value_CM
        variance_M = self._weights @ (variance_CM + (value_CM - middle_M) ** 2)
        # Each variance has its own quantile: with few seeds, the sum would have too many degrees of freedom.
        reach_M = stdtrit(self._weights @ freedom_CM, (1 + LEVEL) / 2) * np.sqrt(variance_M)
        if self.seeds > 1:
            reach_M = np.hypot(reach_M, stdtrit(self.seeds - 1, (1 + LEVEL) / 2) * math.sqrt(self.level))
        return middle_M - reach_M, middle_M + reach_M

    @property
    def _weights(self) -> Array:
        """The weights of the rows of `_values`."""
        return self.weight_C if self.seeds == 1 else np.append(self.weight_C, self.probability[NEITHER])

    def _values(self, n_M: Array) -> tuple[Array, Array]:
        """Return the scores of each candidate and, with several seeds, of NEITHER [C + 1, M], and leverages of candidates [C, M].

        A leverage is the variance of a score for a variance of the means of 1.
        """
        terms_CM2 = _terms(n_M)
        value_CM = np.einsum("cmi,ci->cm", terms_CM2, self.parameters_C2)
        if self.seeds > 1:
            value_CM = np.vstack([value_CM, np.interp(np.log(n_M), np.log(self.n_N), self.mean_N)])
        return value_CM, np.einsum("cmi,cij,cmj->cm", terms_CM2, self.inverse_C22, terms_CM2)

    def formula(self) -> str:
        """Write the better of the two laws: `62.1 + 3.4 ln(n)`, n in examples."""
        power = self.probability[POWER] > self.probability[LOG]
        best = 1 + int(np.argmax(self.weight_C[1:])) if power else 0
        (a, b), c = map(float, self.parameters_C2[best]), float(_EXPONENTS[best])
        level, factor = (a, b * self.unit**c) if power else (a - b * math.log(self.unit), b)
        return f"{level:.4g} {'-' if factor < 0 else '+'} {abs(factor):.4g} " + (f"n^-{c:.3g}" if power else "ln(n)")


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
    """A language, or `all languages`, `source language`, `other languages`, `low-resource`."""
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
        scarce = part[part["language"].isin(_low_resource(analysis, condition))]
        groups |= {SCARCE: scarce} if scarce["language"].nunique() > 1 else {}
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
    """Fit the laws; a row of `scores_SN` is one seed. ValueError for fewer than FEWEST different sizes."""
    if len(set(sizes)) < FEWEST or min(sizes) < 1:
        raise ValueError(f"{counted(len(set(sizes)), 'size')}, expected at least {FEWEST} from 1 on; got {sizes}")
    scores_SN = np.asarray(scores_SN, dtype=np.float64)
    seeds, count = scores_SN.shape
    unit, centre = math.exp(float(np.log(sizes).mean())), float(scores_SN.mean())
    n_N = np.asarray(sizes, dtype=np.float64) / unit
    deviation_N = np.round(scores_SN.mean(axis=0) - centre, 9)  # scores that are equal but for rounding do not grow
    shift_S = scores_SN.mean(axis=1) - centre
    chance = float(((scores_SN - centre - deviation_N - shift_S[:, None]) ** 2).sum())
    terms_CN2 = _terms(n_N)
    inverse_C22 = np.asarray(np.linalg.inv(np.swapaxes(terms_CN2, 1, 2) @ terms_CN2), dtype=np.float64)
    parameters_C2 = np.einsum("cij,cnj,n->ci", inverse_C22, terms_CN2, deviation_N)
    square_C = ((np.einsum("cni,ci->cn", terms_CN2, parameters_C2) - deviation_N) ** 2).sum(axis=1)
    weight_C, neither = _weights(square_C * seeds, chance, seeds, count)
    several = seeds > 1
    return Law(
        probability={LOG: float(weight_C[0]), POWER: float(weight_C[1:].sum()), NEITHER: neither},
        unit=unit,
        n_N=n_N,
        mean_N=centre + deviation_N,
        weight_C=weight_C,
        parameters_C2=parameters_C2 + np.array([centre, 0.0]),
        inverse_C22=inverse_C22,
        rest_C=square_C / (count - 2),
        noise=chance / ((seeds - 1) * (count - 1) * seeds) if several else math.nan,
        level=float(shift_S.var(ddof=1)) / seeds if several else 0.0,
        seeds=seeds,
    )


def _terms(n_M: Array) -> Array:
    """Return the factors of a and b at some sizes for every candidate, [C, M, 2]."""
    growing_CM = np.where(_EXPONENTS[:, None] == 0.0, np.log(n_M), n_M ** -_EXPONENTS[:, None])
    return np.stack([np.ones_like(growing_CM), growing_CM], axis=2)


def _weights(square_C: Array, chance: float, seeds: int, count: int) -> tuple[Array, float]:
    """Return the probability of each candidate and of NEITHER, given sums of squares of misfit and of chance."""
    points = seeds * count - (seeds - 1)
    least = 1e-12 * float(square_C.max() + chance) + 1e-18  # an exact law has no sum of squares
    squares, sizes = np.append(square_C + chance, chance) + least, np.append(np.full(len(square_C), 2), count)
    prior = np.array([_PRIOR[0], *np.full(len(square_C) - 1, _PRIOR[1] / (len(square_C) - 1)), _PRIOR[2] if seeds > 1 else 0.0])
    with np.errstate(divide="ignore"):
        evidence = np.log(prior) - (points - 2) / 2 * np.log(squares) - sizes / 2 * math.log(points)
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    return weights[:-1], float(weights[-1])


def _low_resource(analysis: "Analysis", condition: str) -> list[str]:
    cells = analysis.provenance.loc[analysis.provenance["condition"] == condition, "cell"]
    world = world_languages(read_result(CellPaths(analysis.folder, cells.iloc[0]).result)) if analysis.synthetic else {}
    return low_resource(analysis.source, world)


def _sized(analysis: "Analysis") -> "DataFrame | None":
    """Select the main scores of choices that differ in the size of one task, and of the baseline (size 0).

    None if there are no such choices.
    """
    found = example_counts(analysis)
    if not found:
        return None
    sizes = {BASELINE: (BASELINE, "", 0)} | found
    main = analysis.scores[analysis.scores["main"] & analysis.scores["intermediate"].isin(sizes)]
    columns = {key: [sizes[name][place] for name in main["intermediate"]] for place, key in enumerate(("choice", "task", "size"))}
    return main.assign(**columns)


def example_counts(analysis: "Analysis") -> dict[str, tuple[str, str, int]]:
    """Return choice -> name of its family, task whose size differs in it, and number of that task's examples.

    A family is a set of choices that use the same intermediate tasks alike except for the size of one.
    """
    cells = analysis.provenance.drop_duplicates("intermediate")
    return counts_of({row.intermediate: read_result(CellPaths(analysis.folder, row.cell).result) for row in cells.itertuples()})


def counts_of(results: Mapping[str, Result]) -> dict[str, tuple[str, str, int]]:
    """Return what `example_counts` returns, from one result of each choice."""
    found: dict[str, tuple[str, str, int]] = {}
    for name, choices in alike_choices(results, _SIZE).items():
        configs = {choice: results[choice]["config"] for choice in choices}
        tasks = configs[choices[0]]["intermediate"]["tasks"]
        counts = {task: {choice: _examples(config, task) for choice, config in configs.items()} for task in tasks}
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
