"""Laws of nested sizes: what is known of them by simulation, and how a study's cells become curves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.reporting.analysis import analyse
from xstilts.reporting.groups import ALL, OTHERS, SCARCE, SOURCE
from xstilts.reporting.scaling import LOG, NEITHER, POWER, curves, fit

Write = Any
SIZES = (500, 1000, 2000, 4000, 8000, 16000)
N = np.array(SIZES, dtype=float)
TRUTHS = {LOG: 30 + 4 * np.log(N), POWER: 80 - 600 * N**-0.5, "sigmoid": 50 + 12 / (1 + (2500 / N) ** 4)}


def test_a_law_without_noise_is_found_with_its_parameters() -> None:
    log, power = (fit(SIZES, TRUTHS[name][None]) for name in (LOG, POWER))
    assert (log.name, power.name) == (LOG, POWER)
    assert log.at(N) == pytest.approx(TRUTHS[LOG]) and power.at(N) == pytest.approx(TRUTHS[POWER], abs=1e-3)
    assert log.formula() == "30 + 4 ln(n)" and power.formula() == "80 - 600 n^-0.5"
    assert power.band([500, 1234, 16000])[0] == pytest.approx(80 - 600 * np.array([500, 1234, 16000]) ** -0.5, abs=1e-3)


@pytest.mark.parametrize("law", TRUTHS)
@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (3, 0.0), (3, 2.0), (5, 2.0)])
def test_bands_hold_the_truth_as_often_as_they_say(law: str, seeds: int, seed_sd: float) -> None:
    """95 %, over 200 studies: at least 90 % at each kind of size, whether a law is true or none is, and whether seeds differ."""
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        noise = seed_sd * rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, len(N)))
        low, high = fit(SIZES, TRUTHS[law] + noise).band(N)
        held.append((low <= TRUTHS[law]) & (TRUTHS[law] <= high))
    inner, ends = np.mean(held, axis=0)[1:-1], np.mean(held, axis=0)[[0, -1]]
    assert inner.mean() >= 0.90 and ends.mean() >= 0.90


def test_five_sizes_of_one_seed_can_tell_a_power_law() -> None:
    """The corrected AIC cannot: with so few points it is infinite."""
    rng, sizes = np.random.default_rng(2), np.array([1000, 3000, 10_000, 30_000, 88_000])
    truths = {LOG: 30 + 2.7 * np.log(sizes), POWER: 70 - 380 * sizes**-0.5}
    for law, truth in truths.items():
        names = [fit(sizes, truth + 0.3 * rng.normal(size=(1, 5))).name for _ in range(100)]
        assert names.count(law) > 80


def test_several_seeds_show_that_no_law_holds_and_the_band_stays_narrow() -> None:
    """The means are exact to 0.2 points, and a logarithm misses them by up to 3."""
    rng = np.random.default_rng(3)
    scores = TRUTHS["sigmoid"] + 0.3 * rng.normal(size=(5, len(N)))
    several, single = fit(SIZES, scores), fit(SIZES, scores[:1])
    low, high = several.band(N)
    assert several.name == NEITHER and several.probability[NEITHER] > 0.99 and several.formula().endswith("ln(n)")
    assert several.at(N) == pytest.approx(scores.mean(axis=0), abs=0.01) and (high - low < 1).all()
    assert single.probability[NEITHER] == 0.0 and (np.subtract(*single.band(N)) < -5).all(), (
        "one seed cannot tell: it may be noise"
    )


def test_a_seed_that_moves_all_sizes_widens_the_band_and_does_not_bend_the_law() -> None:
    rng = np.random.default_rng(1)
    scores = TRUTHS[LOG] + 0.1 * rng.normal(size=(4, len(N)))
    alike, apart = fit(SIZES, scores), fit(SIZES, scores + np.array([[-6.0], [-2.0], [2.0], [6.0]]))
    assert apart.at(N) == pytest.approx(alike.at(N)) and apart.probability == pytest.approx(alike.probability)
    widths = [np.subtract(*law.band(N)) for law in (apart, alike)]
    assert (np.abs(widths[0]) > 5 * np.abs(widths[1])).all()


def test_scores_that_do_not_change_have_a_flat_law() -> None:
    law = fit(SIZES, np.full((2, len(SIZES)), 50.0))
    low, high = law.band(N)
    assert law.at(N) == pytest.approx(50.0) and low == pytest.approx(50.0) and high == pytest.approx(50.0)
    assert fit((3, 30, 89, 297), np.full((1, 4), 70 / 9)).formula() == "7.778 + 0 ln(n)"


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 5), st.floats(-50, 50), st.integers(1, 1000))
def test_the_unit_of_scores_and_sizes_does_not_matter(factor: float, shift: float, times: int) -> None:
    rng = np.random.default_rng(2)
    scores = TRUTHS[POWER] + 0.05 * rng.normal(size=(2, len(N)))
    one, other = fit(SIZES, scores), fit([times * size for size in SIZES], factor * scores + shift)
    assert other.probability == pytest.approx(one.probability, abs=1e-3)
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


def test_languages_with_little_text_have_a_curve_together(write_made_up: Write, tmp_path: Path) -> None:
    write_study(write_made_up, {10: -2, 100: -1, 200: 0, None: 1})
    analysis = analyse(tmp_path)
    real = dict(zip(("qaa", "qab", "qac", "qae", "qaf"), ("en", "de", "sw", "te", "ru"), strict=True))
    scores = analysis.scores.assign(language=analysis.scores["language"].map(real))
    (one,) = (curve for curve in curves(replace(analysis, synthetic=False, source="en", scores=scores)) if curve.group == SCARCE)
    assert one.scores[0] == pytest.approx([35.0, 45.0, 55.0, 65.0]), "Swahili and Telugu"
    assert SCARCE not in {curve.group for curve in curves(analysis)}, "the one such language is there by itself"
