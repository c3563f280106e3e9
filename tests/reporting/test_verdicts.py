"""Verdicts on estimates: what counts as support, as equivalence, and as undecided."""

from dataclasses import replace

import pytest

from xstilts.reporting.statistics import RUNS, Estimated
from xstilts.reporting.verdicts import NO_EFFECT, UNTESTED, verdict


@pytest.mark.parametrize(
    ("value", "error", "p", "expect", "expected"),
    [
        (2.0, 0.5, 0.01, "positive", "supported"),
        (-2.0, 0.5, 0.01, "positive", "contradicted"),
        (-2.0, 0.5, 0.01, "negative", "supported"),
        (0.1, 0.2, 0.7, "positive", NO_EFFECT),
        (0.1, 0.2, 0.7, "none", "supported"),
        (0.6, 0.1, 0.01, "none", "supported"),
        (0.6, 0.1, 0.01, "positive", "supported"),
        (2.0, 0.5, 0.01, "none", "contradicted"),
        (1.0, 0.9, 0.3, "positive", "undecided"),
        (1.0, 0.9, 0.3, "none", "undecided"),
    ],
)
def test_verdicts(value: float, error: float, p: float, expect: str, expected: str):
    found = Estimated(value, error, 20.0, RUNS, tested=True)
    assert verdict(found, p, expect, 1.0) == expected
    assert verdict(replace(found, tested=False), p, expect, 1.0) == UNTESTED
