"""Expected calibration error: how far a model's probabilities are from the shares of its answers that are right.

An answer is right if its item gets the metric's full score; of tags, each word counts. Probabilities are sorted into 15 bins of
equal width; the error is the mean over answers of the distance between the share of right answers and the mean probability of
their bin (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2, with their 15 bins). Chance alone makes it
larger than 0, the more so the fewer answers there are.

Shapes: N answers, M bins.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts import metrics

BINS = 15
KINDS = ("label", "answer", "tags")
"""The kinds of predictions that have a probability."""


def of_answer(prediction: Any, confidence: Any) -> float:
    """Return the probability of a label, the number of a choice, or an answer, from a row of `store.results`."""
    if isinstance(confidence, list):
        return float(confidence[prediction])
    return float(confidence.get(prediction, confidence.get("answer" if prediction else "none", 0.0)))


def calibration_error(
    metric: str, gold: Sequence[Any], predictions: Sequence[Any], confidences: Sequence[Any], language: str
) -> float | None:
    """Return the error in percent; None for predictions without probabilities, and for metrics without scores of items."""
    kind = metrics.kind_of(metric)
    if kind not in KINDS or not metrics.scored_by_item(metric) or any(one is None for one in confidences):
        return None
    if kind == "tags":
        probability_N = np.fromiter(chain.from_iterable(confidences), np.float64)
        right_N = np.array(list(chain.from_iterable(predictions))) == np.array(list(chain.from_iterable(gold)))
    else:
        probability_N = np.array([of_answer(*pair) for pair in zip(predictions, confidences, strict=True)])
        right_N = metrics.fully_right(metrics.item_scores(metric, gold, predictions, language))
    return expected_calibration_error(probability_N, right_N)


def expected_calibration_error(probability_N: NDArray[np.float64], right_N: NDArray[np.bool_]) -> float:
    """Return the error in percent. A bin holds the probabilities above its lower end, up to its upper end."""
    bin_N = np.clip(np.ceil(probability_N * BINS).astype(int) - 1, 0, BINS - 1)
    gap_M = np.bincount(bin_N, weights=right_N - probability_N, minlength=BINS)
    return 100 * float(np.abs(gap_M).sum()) / len(probability_N)
