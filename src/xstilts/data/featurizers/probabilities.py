"""Probabilities that are kept with predictions."""

from collections.abc import Iterable

import numpy as np

DIGITS = 3
"""Digits after the point: enough for 15 bins, and small files."""


def rounded(values: Iterable[float]) -> list[float]:
    """Round numbers to `DIGITS`."""
    return [round(float(value), DIGITS) for value in values]


def softmax(logits: np.ndarray) -> list[float]:
    """Return the probabilities, rounded, of scores (C,)."""
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return rounded(weights / weights.sum())
