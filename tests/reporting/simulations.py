"""Grids of scores whose effects are known, compared by the report's own functions.

Every simulation has 9 targets and 10 choices beside the baseline. A cell's mean score varies between runs and, for all runs
alike, with the choice of test items.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xstilts.reporting.collapses import collapsed_runs
from xstilts.reporting.comparison import BASELINE, Comparison, MainScore
from xstilts.reporting.effects import ComparedRuns, group_run_variances
from xstilts.reporting.groups import OTHERS, WHOLE
from xstilts.reporting.statistics import SIGNIFICANT, holm, interval_and_p, run_estimate, total_variance

TARGETS, CHOICES = 9, 10
NAMES = (BASELINE, *(f"choice{number}" for number in range(1, CHOICES + 1)))
ITEM_SD = 0.3
"""Standard deviation of a difference over the choice of test items."""
CHANCE = 33.3
"""Score of the most frequent answer; runs that learn something have 75."""
GROUP = {(OTHERS, WHOLE): ["de"]}


@dataclass(frozen=True)
class Compared:
    """Differences to the baseline, targets by choices."""

    low_TC: np.ndarray
    high_TC: np.ndarray
    p_TC: np.ndarray

    def found_TC(self) -> np.ndarray:
        """True where a report shows the difference in bold."""
        return np.array(holm(self.p_TC.ravel().tolist())).reshape(self.p_TC.shape) <= SIGNIFICANT


def runs(rng: np.random.Generator, sd_TC: np.ndarray, seeds: int) -> np.ndarray:
    """Draw the scores of a grid without any effect, [T, 1 + C, S]; `sd_TC` has the baseline first."""
    return 75 + rng.normal(size=(*sd_TC.shape, seeds)) * sd_TC[..., None]


def run_sds(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Draw the SDs between runs of a grid, [T, 1 + C].

    `equal`: 1 everywhere. `choice`: ten times as much for one choice, on all targets. `cells`: log-uniform over a factor of ten,
    independently for each cell.
    """
    sd_TC = np.ones((TARGETS, 1 + CHOICES))
    if kind == "choice":
        sd_TC[:, 1] = 10
    return 10 ** rng.uniform(-0.5, 0.5, sd_TC.shape) if kind == "cells" else sd_TC


def comparisons(scores_TCS: np.ndarray) -> list[Comparison]:
    """Make the results of a study with these scores in the source language and in another one."""
    main = MainScore("accuracy", "test", None, None)

    def result(score: float) -> dict[str, Any]:
        rows = [{"language": code, "metric": "accuracy", "split": "test", "value": score, "examples": 0} for code in ("en", "de")]
        return {"rows": rows, "degenerate": []}

    return [
        Comparison(
            target=f"target{number}",
            settings={},
            metric="accuracy",
            main=main,
            source="en",
            languages={},
            cells={
                name: {seed: result(float(score)) for seed, score in enumerate(scores_S)}
                for name, scores_S in zip(NAMES, own_CS, strict=True)
            },
            paired=False,
            left_out={},
        )
        for number, own_CS in enumerate(scores_TCS)
    ]


def compare(rng: np.random.Generator, scores_TCS: np.ndarray) -> Compared:
    """Compare all choices with the baseline, over all runs."""
    seeds, found = scores_TCS.shape[2], comparisons(scores_TCS)
    collapsed = collapsed_runs(found, lambda one, codes: CHANCE)
    runs = [
        ComparedRuns({choice: one.by_seed(choice) for choice in one.cells}, GROUP, False, False, own)
        for one, own in zip(found, collapsed, strict=True)
    ]
    known = [next(iter(one.values())) for one in group_run_variances(runs)]
    totals = [
        total_variance([run_estimate([(1 / seeds, one.of(BASELINE)), (1 / seeds, one.of(name))])], ITEM_SD**2)
        for one in known
        for name in NAMES[1:]
    ]
    variance_TC, freedom_TC = np.array(totals).reshape(len(known), CHOICES, 2).transpose(2, 0, 1)
    mean_TC = scores_TCS.mean(axis=2)
    value_TC = mean_TC[:, 1:] - mean_TC[:, :1] + rng.normal(0, ITEM_SD, (len(known), CHOICES))
    return Compared(*interval_and_p(value_TC, variance_TC, freedom_TC))
