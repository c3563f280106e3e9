"""Laws of nested sizes: what is known of them by simulation, and how a study's cells become curves."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.reporting.analysis import analyse
from xstilts.reporting.groups import ALL, OTHERS, SOURCE
from xstilts.reporting.scaling import curves, fit

Write = Any
SIZES = (500, 1000, 2000, 4000, 8000, 16000)
N = np.array(SIZES, dtype=float)
TRUTHS = {"log": 30 + 4 * np.log(N), "power": 80 - 600 * N**-0.5}


def test_a_law_without_noise_is_found_with_its_parameters() -> None:
    log, power = (fit(SIZES, TRUTHS[name][None]) for name in ("log", "power"))
    assert (log.name, power.name) == ("log", "power")
    assert log.at(N) == pytest.approx(TRUTHS["log"]) and power.at(N) == pytest.approx(TRUTHS["power"], abs=1e-3)
    assert log.formula() == "30 + 4 ln(n)"
    assert power.parameters[0] == pytest.approx(80, abs=0.1) and power.parameters[2] == pytest.approx(0.5, abs=0.01)
    assert power.formula().startswith("80 - 6") and power.formula().endswith("n^-0.5")


@pytest.mark.slow
@pytest.mark.parametrize("law", TRUTHS)
@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (3, 0.0), (3, 2.0), (5, 2.0)])
def test_bands_hold_the_truth_as_often_as_they_say(law: str, seeds: int, seed_sd: float) -> None:
    """95 %, over 200 studies: between 90 and 99 %, whether the seeds differ or not."""
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        noise = seed_sd * rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, len(N)))
        low, high = fit(SIZES, TRUTHS[law] + noise).band(N)
        held.append((low <= TRUTHS[law]) & (TRUTHS[law] <= high))
    assert 0.90 <= np.mean(held) <= 0.99


def test_a_seed_that_moves_all_sizes_widens_the_band_and_does_not_bend_the_law() -> None:
    rng = np.random.default_rng(1)
    scores = TRUTHS["log"] + 0.1 * rng.normal(size=(4, len(N)))
    alike, apart = fit(SIZES, scores), fit(SIZES, scores + np.array([[-6.0], [-2.0], [2.0], [6.0]]))
    assert apart.parameters == pytest.approx(alike.parameters) and apart.covariance == pytest.approx(alike.covariance)
    widths = [np.subtract(*law.band(N)) for law in (apart, alike)]
    assert (np.abs(widths[0]) > 5 * np.abs(widths[1])).all()


def test_with_few_points_the_law_of_fewer_parameters_is_taken() -> None:
    law = fit((1, 10, 100, 1000), np.array([[10.0, 30.0, 31.0, 31.1]]))
    assert law.name == "log" and law.aic["power"] == math.inf


def test_scores_that_do_not_change_have_a_flat_law() -> None:
    law = fit(SIZES, np.full((2, len(SIZES)), 50.0))
    low, high = law.band(N)
    assert law.at(N) == pytest.approx(50.0) and low == pytest.approx(50.0) and high == pytest.approx(50.0)
    assert fit((3, 30, 89, 297), np.full((1, 4), 70 / 9)).formula() == "7.778 + 0 ln(n)"


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 5), st.floats(-50, 50), st.integers(1, 1000))
def test_the_unit_of_scores_and_sizes_does_not_matter(factor: float, shift: float, times: int) -> None:
    rng = np.random.default_rng(2)
    scores = TRUTHS["power"] + 0.05 * rng.normal(size=(2, len(N)))
    one, other = fit(SIZES, scores), fit([times * size for size in SIZES], factor * scores + shift)
    assert one.name == other.name == "power"
    assert other.at(times * N) == pytest.approx(factor * one.at(N) + shift, rel=1e-3)
    low, high = one.band(N)
    assert other.band(times * N)[0] == pytest.approx(factor * low + shift, rel=1e-2)
    assert other.band(times * N)[1] == pytest.approx(factor * high + shift, rel=1e-2)


def test_three_sizes_are_no_curve() -> None:
    with pytest.raises(ValueError, match="expected at least 4"):
        fit((1, 2, 4, 4), np.ones((1, 4)))


def write_study(write_made_up: Write, sizes: dict[int | None, int]) -> None:
    """Two seeds of squad_v1 with some `max_examples`, each with so many test items of ten more right."""
    declared = {"sources": {"babel": {"generator": {"rows": {"train": 500}}}}}
    for seed in (1, 2):
        write_made_up(seed=seed)
        for size, better in sizes.items():
            used = {"max_examples": size, "languages": ["qaa"], "train": "train:90%", "task": declared}
            write_made_up(intermediate="squad_v1", seed=seed, better=better, used=used)


def test_sizes_of_a_study_become_a_curve_per_target_and_group(write_made_up: Write, tmp_path: Path) -> None:
    write_study(write_made_up, {10: -2, 100: -1, 200: 0, None: 1})
    found = curves(analyse(tmp_path))
    one = next(curve for curve in found if curve.group == ALL)
    assert {curve.group for curve in found} == {ALL, SOURCE, OTHERS, "qaa", "qab", "qac", "qae", "qaf"}
    assert (one.target, one.intermediate, one.task, one.seeds) == ("xnli", "squad_v1", "squad_v1", (1, 2))
    assert one.sizes == (10, 100, 200, 450), "the whole task: 90 % of 500 examples"
    assert one.scores == pytest.approx(np.array([[38.0, 48.0, 58.0, 68.0]] * 2)) and one.baseline == pytest.approx(58.0)
    assert one.law.at([450])[0] > one.law.at([10])[0]


def test_sizes_may_be_shares_and_choices_may_have_any_names(write_made_up: Write, tmp_path: Path) -> None:
    """In a world that makes a tenth of the declared examples; the same task in another language is no size of it."""
    declared = {"sources": {"babel": {"generator": {"rows": {"train": 5000}}}}}
    write_made_up()
    for better, fraction in enumerate((0.001, 0.1, 0.5, None), start=-1):
        used = {"fraction": fraction, "max_examples": None, "languages": ["qaa"], "train": "train:90%", "task": declared}
        write_made_up(intermediate="squad_v1", better=better, used=used)
    write_made_up(intermediate="squad_v1", used=used | {"languages": ["qab"]})
    for number, path in enumerate(sorted((tmp_path / "results").iterdir())):
        result = json.loads(path.read_text(encoding="utf-8"))
        result["config"]["data"]["world"]["rows"] = 0.1
        result["config"]["intermediate"]["name"] = f"choice{number}" if result["config"]["intermediate"]["tasks"] else None
        path.write_text(json.dumps(result), encoding="utf-8")
    (one,) = (curve for curve in curves(analyse(tmp_path)) if curve.group == ALL)
    assert (one.intermediate, one.task, one.sizes) == ("squad_v1", "squad_v1", (1, 45, 225, 450))
    assert one.scores == pytest.approx(np.array([[48.0, 58.0, 68.0, 78.0]]))


def test_a_study_of_three_sizes_or_none_has_no_curves(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", better=1)
    assert curves(analyse(tmp_path)) == []
    write_study(write_made_up, {10: -2, 100: -1, 200: 0})
    assert curves(analyse(tmp_path)) == []
