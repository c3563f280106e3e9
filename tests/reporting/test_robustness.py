"""Worst languages, spreads and losses to noise are those of scores that are known."""

import json
from typing import Any

import numpy as np
import pytest

from tests.reporting.made_up import CODES, comparison, drawn
from xstilts.reporting.conditions import TRAINING
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.robustness import robustness

LEVELS = {"en": 10.0, "de": 5.0, "fr": 4.0, "ru": 3.0, "tr": 2.0, "zh": 1.0, "sw": -8.0}


def target(seeds: int = 4, noise: float = 0.0, cost: float = 0.0, target: str = "xnli", **more: Any) -> Scored:
    """Swahili is the worst language, and mnli gains 3 points there and 1 elsewhere; noise costs 2 points less with it."""
    extra = {name: {code: level - cost for code, level in LEVELS.items()} for name in ("none", "mnli")}
    extra["mnli"]["sw"] += 2
    if noise:
        extra["mnli"] = {code: value + 2 for code, value in extra["mnli"].items()}
    scores = drawn(np.random.default_rng(5), {"none": 0.0, "mnli": 1.0}, seeds, by_language=extra)
    settings = {TRAINING: json.dumps("xnli"), "target.char_noise.rate": json.dumps(noise), "target.char_noise.seed": "0"}
    condition = f"target.char_noise.rate={noise}" if noise else ""
    return scored(comparison(scores, target, settings=settings, **more), condition, {})


def test_the_worst_language_and_the_spread_are_those_of_the_means_over_seeds():
    none, mnli = robustness([target()]).itertuples()
    assert (none.intermediate, mnli.intermediate) == ("none", "mnli") and none.worst == mnli.worst == "sw"
    levels = np.array([level for code, level in LEVELS.items() if code != "en"])
    assert none.spread == pytest.approx(levels.std(ddof=1)) and mnli.spread < none.spread
    assert np.isnan(none.difference) and np.isnan([none.loss, mnli.loss]).all()
    assert none.worst_score < none.score and none.seeds == 4
    assert mnli.difference == pytest.approx(mnli.worst_score - none.worst_score)
    assert mnli.low < 3 < mnli.high and mnli.low > 0, "by the one estimate of differences, over runs"


def test_noise_is_compared_with_the_same_runs_without_it():
    clean, noisy = target(), target(noise=0.1, cost=6)
    frame = robustness([clean, noisy])
    found = {(row.noise, row.intermediate): row for row in frame.itertuples()}
    assert found[0.1, "none"].loss == pytest.approx(6) and found[0.1, "mnli"].loss == pytest.approx(4)
    assert found[0.1, "none"].loss_low == pytest.approx(6), "the same runs, whose luck is no part of the loss"
    assert np.isnan(found[0.0, "none"].loss)
    assert frame["p_corrected"].notna().sum() == 2, "mnli, with noise and without"
    assert np.isnan(robustness([target(target="pawsx"), noisy])["loss"]).all(), "of another target"


def test_one_seed_describes_and_a_target_without_other_languages_has_no_row():
    _, mnli = robustness([target(seeds=1)]).itertuples()
    assert np.isfinite(mnli.difference) and np.isnan([mnli.p, mnli.low]).all()
    few = drawn(np.random.default_rng(1), {"none": 0.0}, 2, codes=CODES[:2])
    assert robustness([scored(comparison(few), "", {})]).empty
