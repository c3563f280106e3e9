"""The scores of test items, and how much a combination of scores varies with the choice of items.

Test items are drawn in clusters: questions about one paragraph, pairs with one premise, and the translations of all of them
(`xstilts.training.clusters`). The variance is that of a bootstrap over clusters, drawn together for all choices, seeds and
languages, in closed form: the nonparametric delta method (Davison and Hinkley 1997, section 2.7.2; for a ratio of sums, Cochran
1977, section 6.3). A bootstrap with many resamples gives the same numbers, at the cost of drawing PAN-X's 400,000
sentences 1,000 times.

Shapes: N items and K clusters of one language.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import UserError
from xstilts.metrics import fully_right, item_scores, main_key, scored_by_item
from xstilts.paths import CellPaths
from xstilts.store.results import cell_predictions, name_of

ROUNDING = 1e-4
"""Allowed difference, in percentage points, between a score and the score that its items give."""


@dataclass(frozen=True)
class LanguageItems:
    """The test items of one run in one language, summed by cluster."""

    items_N: NDArray[np.uint64]
    """Hashes that name the items, sorted; translations of one item have the same."""
    right_N: NDArray[np.bool_]
    """True for items that get their full score."""
    clusters_K: NDArray[np.uint64]
    """Hashes that name the clusters, sorted; the same in all languages."""
    right_K: NDArray[np.float64]
    """Sums of the numerators that `metrics.item_scores` returns."""
    of_K: NDArray[np.float64]
    """Sums of the denominators."""

    def has_same_items(self, other: "LanguageItems") -> bool:
        """Return whether both have the same items in the same clusters."""
        return np.array_equal(self.items_N, other.items_N) and np.array_equal(self.clusters_K, other.clusters_K)


Items = Mapping[str, LanguageItems]
"""Language -> its test items."""
ReadItems = Callable[[Mapping[str, Any], str, str], Items | None]
"""Reads the items of a result for a metric and split; None if they are not known."""


@dataclass(frozen=True)
class Deviations:
    """Contribution of each cluster to the error of a score in one language, mean over seeds."""

    items_N: NDArray[np.uint64]
    clusters_K: NDArray[np.uint64]
    points_K: NDArray[np.float64]
    """Percentage points; they sum to 0."""


@dataclass(frozen=True)
class ItemVariance:
    """Variance of a combination of scores over the choice of test items."""

    variance: float
    """Squared percentage points."""
    items: int
    """Number of items; an item and its translations count once."""
    clusters: int
    """Number of clusters that were drawn."""


def score_items(predictions: Iterable[Mapping[str, Any]], metric: str, split: str) -> dict[str, LanguageItems]:
    """Score every item of a split that has gold, from the rows of a predictions file.

    An item is named by its id without the language with which ids of retrieval begin (`qab/12`), and by its cluster: translations
    of one example have both in common. UserError for a metric that does not score single items.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in predictions:
        if row["split"] == split and row["gold"] is not None:
            rows.setdefault(row["language"], []).append(row)
    found = {}
    for language, chosen in rows.items():
        parts_N2 = item_scores(metric, [row["gold"] for row in chosen], [row["prediction"] for row in chosen], language)
        clusters_K, places_N = np.unique(_hashes([_cluster(row) for row in chosen]), return_inverse=True)
        right_K, of_K = (np.bincount(places_N, weights=part_N).astype(np.float64) for part_N in parts_N2.T)
        items_N = item_hashes(chosen)
        order_N = np.argsort(items_N)
        found[language] = LanguageItems(items_N[order_N], fully_right(parts_N2)[order_N], clusters_K, right_K, of_K)
    return found


def item_name(row: Mapping[str, Any]) -> str:
    """Return the id of a prediction without the language with which it may begin."""
    return str(row["id"]).removeprefix(f"{row['language']}/")


def item_hashes(rows: Iterable[Mapping[str, Any]]) -> NDArray[np.uint64]:
    """Return the hash that names the item of each prediction, [N]."""
    return _hashes([f"{item_name(row)} {_cluster(row)}" for row in rows])


def _cluster(row: Mapping[str, Any]) -> str:
    return f"{row['task']} {row['cluster']}"


def result_items(study: Path, result: Mapping[str, Any], metric: str, split: str) -> Items:
    """Score every item of a result's split that has gold, from its predictions.

    UserError if the predictions are missing or broken, or do not give the result's scores.
    """
    path, remedy = CellPaths(study, name_of(result)).predictions, "delete both files and run the cell again"
    predictions = cell_predictions(study, result)
    try:
        found = score_items(predictions, metric, split)
    except UserError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:  # a metric's answer to values that it cannot score
        raise UserError(f"{path} has no predictions that {metric} can score ({error}): {remedy}") from None
    variants = dict.fromkeys(found)
    for row in result["rows"]:
        if (row["metric"], row["split"]) != (main_key(metric), split) or row["value"] is None:
            continue
        if row["language"] not in found:
            raise UserError(f"{path} has no predictions with gold in {row['language']}, {split}, which its result has: {remedy}")
        if variants.pop(row["language"], 0) is None:  # the predictions are those of the first of several layers
            score = _score(found[row["language"]])
            if abs(score - row["value"]) > ROUNDING:
                raise UserError(
                    f"{path} gives {score:.4f} in {row['language']}, {split}, its result says {row['value']:.4f}: they are of "
                    f"different cells; {remedy}"
                )
    return found


def items_of(study: Path, broken: list[str]) -> ReadItems:
    """Return a function that reads a result's items; it returns None without predictions or if the metric is no sum over items.

    It adds what is wrong with predictions to `broken`, one line each, so that all of it can be reported at once. It keeps
    nothing: predictions are so large that only those that are compared should be in memory.
    """

    def read(result: Mapping[str, Any], metric: str, split: str) -> Items | None:
        if not scored_by_item(metric) or not CellPaths(study, name_of(result)).predictions.exists():
            return None
        try:
            return result_items(study, result, metric, split)
        except UserError as error:
            broken.append(" ".join(str(error).splitlines()))
            return None

    return read


class KeptItems:
    """A function that reads items as another does, and keeps them until they are taken; those of one target fit into memory."""

    def __init__(self, read: ReadItems) -> None:
        self._read = read
        self._kept: dict[str, Items] = {}

    def __call__(self, result: Mapping[str, Any], metric: str, split: str) -> Items | None:
        """Read the items of a result, and keep them."""
        if (found := self._read(result, metric, split)) is not None:
            self._kept[name_of(result)] = found
        return found

    def take(self) -> dict[str, Items]:
        """Return the name of each result -> its items, for all that were read since the last time."""
        kept, self._kept = self._kept, {}
        return kept


def same_items(first: Items, second: Items) -> bool:
    """Return whether both have the same languages, with the same items in each."""
    return set(first) == set(second) and all(own.has_same_items(second[language]) for language, own in first.items())


def check_paired(first: Items, second: Items) -> None:
    """Raise UserError unless both have the same items in all languages."""
    for language in {**first, **second}:
        if language not in first or language not in second or not first[language].has_same_items(second[language]):
            raise UserError(
                f"the predictions to compare do not have the same test items in language '{language}': run both cells on the "
                "same data, with the same target.languages and target.max_test_examples"
            )


def deviations(by_seed: Mapping[int, Items]) -> dict[str, Deviations]:
    """Return, for each language, what each cluster contributes to the error of the mean score over some seeds of one choice.

    UserError unless all seeds have the same items.
    """
    first, *others = by_seed.values()
    for other in others:
        check_paired(first, other)
    return {
        language: Deviations(
            own.items_N, own.clusters_K, np.mean([_points(own), *(_points(seed[language]) for seed in others)], axis=0)
        )
        for language, own in first.items()
    }


def item_variance(weighted: Iterable[tuple[float, Deviations]]) -> ItemVariance | None:
    """Return the variance of a sum of scores, each with a weight, over the choice of test items that they share.

    The difference of two choices' means over 3 languages has the weight 1/3 for each language of one choice and -1/3 for those of
    the other. Scores of several targets can be combined, too. None unless there are two clusters or more.
    """
    parts = [(weight, own) for weight, own in weighted if len(own.clusters_K)]
    if not parts:
        return None
    clusters_K, places = np.unique(np.concatenate([own.clusters_K for _, own in parts]), return_inverse=True)
    points_K = np.bincount(places, weights=np.concatenate([weight * own.points_K for weight, own in parts]))
    if (count := len(clusters_K)) < 2:
        return None
    items = {id(own.items_N): own.items_N for _, own in parts}  # the choices of one target share them
    return ItemVariance(
        variance=float(points_K @ points_K) * count / (count - 1),
        items=len(np.unique(np.concatenate(list(items.values())))),
        clusters=count,
    )


def _score(items: LanguageItems) -> float:
    """Return the score in percent; 0 where the denominator is 0."""
    of = float(items.of_K.sum())
    return 100 * float(items.right_K.sum()) / of if of else 0.0


def _points(items: LanguageItems) -> NDArray[np.float64]:
    """Return the derivative of the score, in percentage points, by the weight of each cluster, [K]."""
    return (100 * items.right_K - _score(items) * items.of_K) / (items.of_K.sum() or 1.0)


def _hashes(texts: list[str]) -> NDArray[np.uint64]:
    """Return a number for each text, the same in every process."""
    from pandas.util import hash_array

    return hash_array(np.array(texts, dtype=object), categorize=False)
