"""Does transfer follow typology? Rank correlations between a language's distance to the source language and its zero-shot score.

Spearman's correlation, ties averaged, over the languages other than the source language, of the score less that of the source
language (of retrieval, where that has none, of the score itself); with those that have little text and
without them, since an amount of text is no structure. Seven languages are few: where nothing is related, about one correlation in
twenty is beyond 0.75 or -0.75, and of fifteen languages beyond 0.52 or -0.52.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from xstilts.babel.declaration import Language
from xstilts.babel.distance import lexical, structural
from xstilts.reporting.comparison import BASELINE, Comparison, Variant, mean_scores
from xstilts.reporting.conditions import LANGUAGES, without

DISTANCES: Mapping[str, Callable[[Language, Language], float]] = {"structural": structural, "lexical": lexical}
FEWEST = 3
"""Languages; with fewer there is no correlation."""

Points = Sequence[tuple[float, float]]
"""Distance and score of each language."""


@dataclass(frozen=True)
class Correlation:
    """Of one kind of distance with the score; None where either is the same for all languages, or there are too few."""

    of_means: float | None
    """With the score that is averaged over seeds."""
    by_seed: dict[int, float | None]
    languages: int


def correlation(
    pooled: Sequence[Comparison], variant: Variant, distance: str, choice: str = BASELINE, low_resource: bool = True
) -> Correlation:
    """Over all languages of one comparison or of several, whose worlds have different languages.

    `distance` is one of `DISTANCES`; `low_resource=False` leaves out the languages with less than half of the text. Only the
    seeds that all of the comparisons have count.
    """
    seeds = sorted(set.intersection(*(set(one.cells.get(choice, ())) for one in pooled)))

    def points(seeds: Sequence[int]) -> list[tuple[float, float]]:
        return [point for one in pooled for point in _points(one, variant, distance, choice, seeds, low_resource)]

    return Correlation(spearman(points(seeds)), {seed: spearman(points([seed])) for seed in seeds}, len(points(seeds)))


def pools(found: Sequence[Comparison]) -> list[list[Comparison]]:
    """The comparisons of one target that differ in nothing but their world's languages, where there are several."""
    together: dict[tuple[str, tuple[tuple[str, str], ...]], list[Comparison]] = {}
    for one in found:
        if one.source in one.languages:
            same = tuple(sorted(without(one.settings, LANGUAGES).items()))
            together.setdefault((one.target, same), []).append(one)
    return [pooled for pooled in together.values() if len(pooled) > 1]


def spearman(points: Points) -> float | None:
    """Spearman's rank correlation, -1 to 1, ties averaged."""
    from scipy.stats import spearmanr  # takes a second to import

    columns = list(zip(*points, strict=True))
    if len(points) < FEWEST or any(len(set(column)) == 1 for column in columns):
        return None
    return float(spearmanr(*columns).statistic)


def _points(
    one: Comparison, variant: Variant, distance: str, choice: str, seeds: Sequence[int], low_resource: bool
) -> list[tuple[float, float]]:
    every = one.by_seed(choice, variant) if seeds else {}
    scores = mean_scores({seed: every[seed] for seed in seeds})
    left_out = {one.source, *([] if low_resource else one.low_resource())}
    source, measure = one.languages[one.source], DISTANCES[distance]
    level = scores.get(one.source, 0.0)  # worlds that are pooled have encoders of their own, one stronger than the other
    return [(measure(one.languages[code], source), score - level) for code, score in scores.items() if code not in left_out]
