"""Grids of scores whose effects are known, compared by the report's own functions.

Every simulation has 9 targets and 10 choices beside the baseline. A cell's mean score varies between runs and, for all runs
alike, with the choice of test items.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.effects import ComparedRuns, group_run_variances
from xstilts.reporting.groups import OTHERS, WHOLE
from xstilts.reporting.statistics import SIGNIFICANT, holm, interval_and_p, run_estimate, total_variance

TARGETS, CHOICES = 9, 10
NAMES = (BASELINE, *(f"choice{number}" for number in range(1, CHOICES + 1)))
ITEM_SD = 0.3
"""Standard deviation of a difference over the choice of test items."""
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
    return 60 + rng.normal(size=(*sd_TC.shape, seeds)) * sd_TC[..., None]


def run_sds(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Draw the SDs between runs of a grid, [T, 1 + C].

    `equal`: 1 everywhere. `choice`: ten times as much for one choice, on all targets. `cells`: log-uniform over a factor of ten,
    independently for each cell.
    """
    sd_TC = np.ones((TARGETS, 1 + CHOICES))
    if kind == "choice":
        sd_TC[:, 1] = 10
    return 10 ** rng.uniform(-0.5, 0.5, sd_TC.shape) if kind == "cells" else sd_TC


def compare(
    rng: np.random.Generator, scores_TCS: np.ndarray, collapsed: Mapping[tuple[int, str], Collection[int]] | None = None
) -> Compared:
    """Compare all choices with the baseline. `collapsed`: target and choice -> runs."""
    seeds = scores_TCS.shape[2]
    targets = [
        ComparedRuns(
            {
                name: {seed: {"de": float(scores_S[seed])} for seed in range(seeds)}
                for name, scores_S in zip(NAMES, own_CS, strict=True)
            },
            GROUP,
            paired=False,
            untrained=False,
            collapsed={name: found for (place, name), found in (collapsed or {}).items() if place == target},
        )
        for target, own_CS in enumerate(scores_TCS)
    ]
    known = [next(iter(one.values())) for one in group_run_variances(targets)]
    totals = [
        total_variance([run_estimate([(1 / seeds, one.of(BASELINE)), (1 / seeds, one.of(name))])], ITEM_SD**2)
        for one in known
        for name in NAMES[1:]
    ]
    variance_TC, freedom_TC = np.array(totals).reshape(len(targets), CHOICES, 2).transpose(2, 0, 1)
    mean_TC = scores_TCS.mean(axis=2)
    value_TC = mean_TC[:, 1:] - mean_TC[:, :1] + rng.normal(0, ITEM_SD, (len(targets), CHOICES))
    return Compared(*interval_and_p(value_TC, variance_TC, freedom_TC))
