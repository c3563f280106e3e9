"""Shares of false and true finds of a report, in simulated grids of 9 targets and 10 choices (`simulations`)."""

import numpy as np
import pytest

from tests.reporting.simulations import compare, run_sds, runs

GRIDS = 400
"""So many that the standard error of a share of 5 % is 1.1 percentage points."""


@pytest.mark.parametrize("kind", ["equal", "choice", "cells"])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_grids_without_effect_seldom_have_a_find_however_unequal_the_variances_of_runs_are(seeds: int, kind: str) -> None:
    rng = np.random.default_rng(seeds)
    found = [compare(rng, runs(rng, run_sds(rng, kind), seeds)) for _ in range(GRIDS)]
    false_finds = np.mean([one.found_TC().any() for one in found])
    inside_TC = np.mean([(one.low_TC <= 0) & (one.high_TC >= 0) for one in found], axis=0)
    assert false_finds <= 0.06, false_finds
    of_choice_C = inside_TC.mean(axis=0)
    assert 0.93 <= of_choice_C.mean() <= 0.99 and of_choice_C.min() >= 0.93 - 2 * 0.005, of_choice_C  # 2 standard errors
