"""What an intermediate task gains over the baseline, and whether it is noise: paired by test item and by seed.

The interval is a percentile bootstrap over test items (Efron and Tibshirani 1993, chapter 13) of the difference that is averaged
over seeds. Items that several languages share (one id) are drawn together, so that what is hard about an event is hard in all
of its translations. It tells how much the test set matters; how much the seed matters is told by the gain of every seed, since
a handful of seeds cannot be resampled.

Shapes: R resamples, N items (one id in all languages), S seeds, L languages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.errors import UserError
from xstilts.metrics import item_scores, main_key
from xstilts.paths import CellPaths
from xstilts.store.results import cell_predictions, name_of

RESAMPLES = 1000
LEVEL = 0.95
ROUNDING = 1e-4
"""Percent points by which a score may differ from what its items give."""
_NUMBERS_AT_ONCE = 10_000_000
"""Of one block of resamples: 80 MB."""

Items = Mapping[str, Mapping[str, tuple[float, float]]]
"""Language -> item -> numerator and denominator, as `metrics.item_scores` gives them."""


@dataclass(frozen=True)
class Gain:
    """The difference to the baseline, in the metric's own unit (percent)."""

    value: float
    """Mean over seeds."""
    low: float
    high: float
    """The ends of the 95 % interval over test items."""
    by_seed: Mapping[int, float]
    items: int
    """How many items were resampled; one in several languages counts once."""
    variance: float
    """Of `value` over the resamples: the square of its standard error over test items."""


def score_items(predictions: Iterable[Mapping[str, Any]], metric: str, split: str) -> Items:
    """The scores of all items of a split that have gold, from the rows of a predictions file.

    An item is named by its id without the language that ids of retrieval begin with (`qab/12`), so that translations of one
    example have one name. UserError for a metric without scores of single items.
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
    """The scores of all items of a result's split that have gold, from its predictions.

    UserError for predictions that are missing or broken, and for those from which the result's scores do not follow.
    """
    path, remedy = CellPaths(study, name_of(result)).predictions, "delete both files and run the cell again"
    predictions = cell_predictions(study, result)
    try:
        found = score_items(predictions, metric, split)
    except UserError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:  # whatever a metric says to values that are not its own
        raise UserError(f"{path} has no predictions that {metric} can score ({error}): {remedy}") from None
    variants = {language: None for language in found}
    for row in result["rows"]:
        if (row["metric"], row["split"]) != (main_key(metric), split) or row["value"] is None:
            continue
        if row["language"] not in found:
            raise UserError(f"{path} has no predictions with gold in {row['language']}, {split}, which its result has: {remedy}")
        if variants.pop(row["language"], 0) is None:  # of several layers the first is that of the predictions
            right, of = np.sum(list(found[row["language"]].values()), axis=0)
            score = 100 * right / of if of else 0.0
            if abs(score - row["value"]) > ROUNDING:
                raise UserError(
                    f"{path} gives {score:.4f} in {row['language']}, {split}, its result says {row['value']:.4f}: they are of "
                    f"different cells; {remedy}"
                )
    return found


def gains(
    baseline: Mapping[int, Items],
    treated: Mapping[int, Items],
    groups: Mapping[str, Sequence[str]],
    resamples: int = RESAMPLES,
) -> dict[str, Gain]:
    """Group of languages -> the gain in the mean of its languages' scores, over the seeds that both sides have.

    `baseline` and `treated`: seed -> items. Languages that were not evaluated do not count; groups without any, and everything
    where no seed is common, are left out. The same input gives the same numbers. UserError where the two sides of a seed do not
    have the same items.
    """
    seeds = sorted(set(baseline) & set(treated))
    if not seeds:
        return {}
    languages = list(baseline[seeds[0]])
    items = list(dict.fromkeys(name for language in languages for name in baseline[seeds[0]][language]))
    for seed in seeds:
        _check_paired(baseline[seeds[0]], baseline[seed])
        _check_paired(baseline[seeds[0]], treated[seed])
    sides = [_table([side[seed] for seed in seeds], languages, items) for side in (baseline, treated)]
    places = {group: [languages.index(code) for code in codes if code in languages] for group, codes in groups.items()}
    places = {group: chosen for group, chosen in places.items() if chosen}

    def differences(counts_RN: np.ndarray) -> dict[str, np.ndarray]:
        difference_RSL = _scores(sides[1], counts_RN) - _scores(sides[0], counts_RN)
        return {group: difference_RSL[:, :, chosen].mean(axis=2) for group, chosen in places.items()}

    observed = differences(np.ones((1, len(items))))
    rng = np.random.default_rng(0)
    drawn: dict[str, list[np.ndarray]] = {group: [] for group in places}
    at_once = max(1, _NUMBERS_AT_ONCE // len(items))
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        counts_RN = rng.multinomial(len(items), np.full(len(items), 1 / len(items)), size=size)
        for group, difference_RS in differences(counts_RN.astype(np.float64)).items():
            drawn[group].append(difference_RS.mean(axis=1))
    found = {}
    for group, difference_1S in observed.items():
        resampled = np.concatenate(drawn[group])
        low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        by_seed = dict(zip(seeds, difference_1S[0].tolist(), strict=True))
        found[group] = Gain(float(difference_1S.mean()), float(low), float(high), by_seed, len(items), float(resampled.var()))
    return found


def _check_paired(first: Items, second: Items) -> None:
    for language in {**first, **second}:
        if set(first.get(language, ())) != set(second.get(language, ())):
            raise UserError(
                f"the predictions to compare do not have the same test items in language '{language}': run both cells on the "
                "same data, with the same target.languages and target.max_test_examples"
            )


def _table(by_seed: Sequence[Items], languages: Sequence[str], items: Sequence[str]) -> np.ndarray:
    """Numerators and denominators, [2, S, L, N]; 0 and 0 for an item that a language does not have."""
    none = (0.0, 0.0)
    table_SLN2 = np.array([[[side[code].get(name, none) for name in items] for code in languages] for side in by_seed])
    return np.moveaxis(table_SLN2, -1, 0)


def _scores(table_2SLN: np.ndarray, counts_RN: np.ndarray) -> np.ndarray:
    """The score, in percent, of each resample, seed and language, [R, S, L]; 0 where nothing is to be found."""
    right_RSL, of_RSL = (np.moveaxis(part_SLN @ counts_RN.T, -1, 0) for part_SLN in table_2SLN)
    return 100 * np.divide(right_RSL, of_RSL, out=np.zeros_like(right_RSL), where=of_RSL != 0)
