"""Regressions on distance: what is known of them by simulation, and what a study's cells give."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from pandas import DataFrame
from scipy.stats import linregress

from xstilts.reporting.analysis import analyse
from xstilts.reporting.language_distances import distances
from xstilts.reporting.slopes import GAIN, SCORE, points, regression, slopes

Write = Any
DISTANCES = dict(zip("abcdefgh", (0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9), strict=True))


def simulated(rng: np.random.Generator, slope: float, language_sd: float, runs: int = 3) -> DataFrame:
    """Eight languages; every run has another level, every score noise of 1."""
    of_language = {code: language_sd * rng.normal() for code in DISTANCES}
    rows = [
        [code, "none", str(run), distance, 50 + 3 * run + slope * distance + of_language[code] + rng.normal()]
        for run in range(runs)
        for code, distance in DISTANCES.items()
    ]
    return DataFrame(rows, columns=["language", "intermediate", "seed", "distance", "value"])


@pytest.mark.slow
@pytest.mark.parametrize(("language_sd", "runs"), [(0.0, 3), (4.0, 3), (4.0, 1)])
def test_intervals_hold_the_truth_as_often_as_they_say(language_sd: float, runs: int) -> None:
    """95 %, over 150 studies. MixedLM's own intervals, of a normal distribution, hold it in nine of ten."""
    rng, held = np.random.default_rng(0), []
    for _ in range(150):
        line = regression(simulated(rng, -12.0, language_sd, runs))
        assert line is not None
        held.append(line.low <= -12.0 <= line.high)
    assert 0.90 <= np.mean(held) <= 0.995


def test_with_every_language_in_every_run_it_is_the_regression_of_the_languages_means() -> None:
    table = simulated(np.random.default_rng(1), -12.0, 4.0)
    line = regression(table)
    means = table.groupby("language").mean(numeric_only=True)
    expected = linregress(means["distance"], means["value"])
    assert line is not None and (line.languages, line.observations) == (8, 24)
    assert line.slope == pytest.approx(expected.slope, rel=1e-6)
    assert line.p == pytest.approx(expected.pvalue, rel=1e-3)
    assert line.middle == pytest.approx((means["distance"].mean(), means["value"].mean()))
    assert line.high - line.slope == pytest.approx(line.slope - line.low)
    assert line.language_sd > 2 > line.rest_sd


@pytest.mark.parametrize("runs", [1, 3])
def test_the_band_is_that_of_the_regression_of_the_languages_means(runs: int) -> None:
    table = simulated(np.random.default_rng(1), -12.0, 4.0, runs)
    line = regression(table)
    means = table.groupby("language").mean(numeric_only=True)
    fitted = sm.OLS(means["value"], sm.add_constant(means["distance"])).fit()
    x = np.array([0.0, 0.45, 1.0])
    expected = fitted.get_prediction(sm.add_constant(x)).conf_int()
    assert line is not None
    low, high = line.band(x)
    assert low == pytest.approx(expected[:, 0], rel=1e-5) and high == pytest.approx(expected[:, 1], rel=1e-5)
    assert line.at(x) == pytest.approx((low + high) / 2)


@pytest.mark.parametrize("runs", [1, 3])
def test_scores_that_are_alike_have_no_slope(runs: int) -> None:
    """Rounding must not make one that is significant."""
    line = regression(simulated(np.random.default_rng(3), 0.0, 0.0, runs).assign(value=100 / 3))
    assert line is not None and (line.slope, line.low, line.high, line.p) == (0.0, 0.0, 0.0, 1.0)


def test_one_run_is_an_ordinary_regression() -> None:
    table = simulated(np.random.default_rng(2), 5.0, 1.0, runs=1)
    line, expected = regression(table), linregress(table["distance"], table["value"])
    assert line is not None and np.isnan(line.language_sd)
    assert (line.slope, line.p) == pytest.approx((expected.slope, expected.pvalue))


def test_runs_without_some_languages_count_too() -> None:
    table = simulated(np.random.default_rng(3), -12.0, 1.0, runs=4)
    line = regression(table[~((table["language"] == "h") & (table["seed"] != "0"))])
    assert line is not None and line.observations == 29 and line.low < -12.0 < line.high


def test_an_exact_line_has_no_interval_and_too_few_languages_no_line() -> None:
    table = simulated(np.random.default_rng(4), 0.0, 0.0)
    exact = table.assign(value=10.0 - 20.0 * table["distance"])
    line = regression(exact)
    assert line is not None and (line.slope, line.low, line.high) == pytest.approx((-20.0, -20.0, -20.0))
    flat = regression(table.assign(value=10.0))
    assert flat is not None and flat.slope == pytest.approx(0.0, abs=1e-9)
    assert regression(table[table["language"].isin(["a", "b", "c"])]) is None
    assert regression(table.assign(distance=0.5)) is None


def test_scores_and_gains_of_a_study(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(seed=seed, intermediate="mnli", right={"qaa": 8, "qab": 9, "qac": 7, "qae": 5, "qaf": 2})
    analysis = analyse(tmp_path)
    table = distances(analysis)
    structural = table[table["kind"] == "structural"].set_index("language")["distance"]
    assert structural.to_dict() == pytest.approx({"qaa": 0.0, "qab": 0.2, "qac": 0.2, "qae": 0.3, "qaf": 0.4})
    assert set(table["kind"]) == {"structural", "lexical", "script"}
    every = points(analysis)
    assert "qaa" not in set(every["language"])
    gained = every[every["outcome"] == GAIN].groupby("language")["value"].mean().to_dict()
    assert gained == pytest.approx({"qab": 20.0, "qac": 10.0, "qae": 0.0, "qaf": -10.0})
    found = {(one.outcome, one.kind): one for one in slopes(analysis, table)}
    assert set(found) == {(outcome, kind) for outcome in (SCORE, GAIN) for kind in ("structural", "lexical")}, "one script only"
    of_gain = found[GAIN, "structural"].line
    assert of_gain.slope == pytest.approx(linregress([0.2, 0.2, 0.3, 0.4], [20, 10, 0, -10]).slope)


def test_languages_are_real_unless_the_study_is_synthetic(
    write_made_up: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_made_up()
    asked = []

    def known(languages: list[str], source: str) -> dict[str, dict[str, float]]:
        asked.append((sorted(languages), source))
        return {"syntactic": {code: 0.25 for code in languages}}

    monkeypatch.setattr("xstilts.reporting.language_distances.uriel_distances", known)
    real = dataclasses.replace(analyse(tmp_path), synthetic=False)
    assert distances(real)["distance"].tolist() == [0.25] * 5
    assert asked == [(["qaa", "qab", "qac", "qae", "qaf"], "qaa")]
