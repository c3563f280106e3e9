"""The scores of single test items, and how much a difference of means varies with the choice of items.

The variance is that of a bootstrap over test items (Efron and Tibshirani 1993, chapter 6) of the difference of two sides,
averaged over seeds. Items that several languages share (one id) are drawn together, since an item that is hard in one language
is hard in its translations.

Shapes: R resamples, N items (one id in all languages), S seeds, L languages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import UserError
from xstilts.metrics import item_scores, main_key, scored_by_item
from xstilts.paths import CellPaths
from xstilts.store.results import cell_predictions, name_of

RESAMPLES = 1000
ROUNDING = 1e-4
"""Allowed difference, in percentage points, between a score and the score that its items give."""
_NUMBERS_AT_ONCE = 10_000_000
"""Size of the resampled counts that are held at a time: 80 MB."""

Items = Mapping[str, Mapping[str, tuple[float, float]]]
"""Language -> item -> numerator and denominator, as `metrics.item_scores` returns them."""
ReadItems = Callable[[Mapping[str, Any], str, str], Items | None]
"""Reads the items of a result for a metric and split; None if they are not known."""


@dataclass(frozen=True)
class ItemVariance:
    """Variance of a difference over the choice of test items, in squared percentage points."""

    variance: float
    items: int
    """Number of items; an item in several languages counts once."""


def score_items(predictions: Iterable[Mapping[str, Any]], metric: str, split: str) -> Items:
    """Score every item of a split that has gold, from the rows of a predictions file.

    An item is named by its id without the language with which ids of retrieval begin (`qab/12`), so that translations of one
    example have one name. UserError for a metric that does not score single items.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in predictions:
        if row["split"] == split and row["gold"] is not None:
            rows.setdefault(row["language"], []).append(row)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for language, chosen in rows.items():
        names = [row["id"].removeprefix(f"{language}/") for row in chosen]
        parts = item_scores(metric, [row["gold"] for row in chosen], [row["prediction"] for row in chosen], language)
        found[language] = {name: (right, of) for name, (right, of) in zip(names, parts.tolist(), strict=True)}
    return found


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
    variants = {language: None for language in found}
    for row in result["rows"]:
        if (row["metric"], row["split"]) != (main_key(metric), split) or row["value"] is None:
            continue
        if row["language"] not in found:
            raise UserError(f"{path} has no predictions with gold in {row['language']}, {split}, which its result has: {remedy}")
        if variants.pop(row["language"], 0) is None:  # the predictions are those of the first of several layers
            right, of = np.sum(list(found[row["language"]].values()), axis=0)
            score = 100 * right / of if of else 0.0
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


def item_variances(
    baseline: Mapping[int, Items],
    treated: Mapping[int, Items],
    groups: Mapping[str, Sequence[str]],
    resamples: int = RESAMPLES,
) -> dict[str, ItemVariance]:
    """Return, for each group of languages, the variance of the difference in the mean of its languages' scores.

    `baseline` and `treated`: seed -> items; a side's score is the mean over its seeds. Languages without items do not count, and
    a group without any is left out. The same input gives the same numbers. UserError if not all of them have the same items.
    """
    first = next(iter(baseline.values()))
    languages = list(first)
    items = list(dict.fromkeys(name for language in languages for name in first[language]))
    for other in (*baseline.values(), *treated.values()):
        _check_paired(first, other)
    sides = [_table(list(side.values()), languages, items) for side in (baseline, treated)]
    places = {group: [languages.index(code) for code in codes if code in languages] for group, codes in groups.items()}
    places = {group: chosen for group, chosen in places.items() if chosen}
    rng = np.random.default_rng(0)
    drawn: dict[str, list[NDArray[np.float64]]] = {group: [] for group in places}
    at_once = max(1, _NUMBERS_AT_ONCE // len(items))
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        counts_RN = rng.multinomial(len(items), np.full(len(items), 1 / len(items)), size=size).astype(np.float64)
        difference_RL = _scores(sides[1], counts_RN).mean(axis=1) - _scores(sides[0], counts_RN).mean(axis=1)
        for group, chosen in places.items():
            drawn[group].append(difference_RL[:, chosen].mean(axis=1))
    return {group: ItemVariance(float(np.concatenate(means).var()), len(items)) for group, means in drawn.items()}


def _check_paired(first: Items, second: Items) -> None:
    for language in {**first, **second}:
        if set(first.get(language, ())) != set(second.get(language, ())):
            raise UserError(
                f"the predictions to compare do not have the same test items in language '{language}': run both cells on the "
                "same data, with the same target.languages and target.max_test_examples"
            )


def _table(by_seed: Sequence[Items], languages: Sequence[str], items: Sequence[str]) -> NDArray[np.float64]:
    """Return numerators and denominators, [2, S, L, N]; 0 and 0 for an item that a language does not have."""
    none = (0.0, 0.0)
    table_SLN2 = np.array([[[side[code].get(name, none) for name in items] for code in languages] for side in by_seed])
    return np.moveaxis(table_SLN2, -1, 0)


def _scores(table_2SLN: NDArray[np.float64], counts_RN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the score, in percent, of each resample, seed and language, [R, S, L]; 0 where the denominator is 0."""
    right_RSL, of_RSL = (np.moveaxis(part_SLN @ counts_RN.T, -1, 0) for part_SLN in table_2SLN)
    return 100 * np.divide(right_RSL, of_RSL, out=np.zeros_like(right_RSL), where=of_RSL != 0)
