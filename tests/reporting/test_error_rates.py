"""Shares of false and true finds of a report, in simulated grids of 9 targets and 10 choices (`simulations`)."""

import numpy as np
import pytest

from tests.reporting.simulations import CHOICES, TARGETS, compare, run_sds, runs

pytestmark = pytest.mark.long
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


def collapsing(rng: np.random.Generator, scores_TCS: np.ndarray, share: float) -> np.ndarray:
    """Let one run of some choices, never of the baseline or the first choice, end at chance; returns them, [T, 1 + C]."""
    bad_TC = rng.random(scores_TCS.shape[:2]) < share
    bad_TC[:, :2] = False
    scores_TCS[bad_TC, 0] = 30
    return bad_TC


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_collapsed_run_in_one_choice_of_twenty_causes_no_more_false_finds(seeds: int) -> None:
    rng, found, inside = np.random.default_rng(10 + seeds), [], []
    for _ in range(GRIDS):
        scores_TCS = runs(rng, run_sds(rng, "equal"), seeds)
        bad_TC = collapsing(rng, scores_TCS, 0.05)
        one = compare(rng, scores_TCS)
        found.append(one.found_TC().any())
        inside.append(((one.low_TC <= 0) & (one.high_TC >= 0))[~bad_TC[:, 1:]].mean())
    assert np.mean(found) <= 0.06 and 0.93 <= np.mean(inside) <= 0.99, (np.mean(found), np.mean(inside))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_collapsed_run_of_another_choice_hides_no_effect_and_widens_no_other_interval(seeds: int) -> None:
    """A true gain of 2 where the SD between runs is 0.5."""
    power: dict[bool, list[bool]] = {False: [], True: []}
    widths = []
    for grid in range(100):
        shown = {}
        for collapsed in power:
            rng = np.random.default_rng([seeds, grid])
            scores_TCS = runs(rng, np.full((TARGETS, 1 + CHOICES), 0.5), seeds)
            scores_TCS[:, 1] += 2
            if collapsed:
                scores_TCS[:, 2, 0] = 30
            shown[collapsed] = compare(rng, scores_TCS)
            power[collapsed] += (shown[collapsed].p_TC[:, 0] <= 0.05).tolist()
        of_others = [np.delete(one.high_TC - one.low_TC, 1, axis=1) for one in shown.values()]
        widths.append((of_others[1] / of_others[0]).mean())
    assert np.mean(power[True]) >= 0.9 * np.mean(power[False]) > 0.8 * 0.9, {key: np.mean(own) for key, own in power.items()}
    assert min(widths) > 0.9 and max(widths) < 1.1, (min(widths), max(widths))
