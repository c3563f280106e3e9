"""Regressions on distance to the source language that a study's cells give."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame
from scipy.stats import linregress

from xstilts.reporting.analysis import analyse
from xstilts.reporting.language_distances import distances
from xstilts.reporting.regression import regress
from xstilts.reporting.slopes import GAIN, SCORE, points, slope_on_distance, slopes

Write = Any


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
        return {"syntactic": dict.fromkeys(languages, 0.25)}

    monkeypatch.setattr("xstilts.reporting.language_distances.uriel_distances", known)
    real = dataclasses.replace(analyse(tmp_path), synthetic=False)
    assert distances(real)["distance"].tolist() == [0.25] * 5
    assert asked == [(["qaa", "qab", "qac", "qae", "qaf"], "qaa")]


def test_any_value_of_languages_has_a_slope_and_real_languages_have_families(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    analysis = analyse(tmp_path)
    values = DataFrame([[3.0, 2.0, 5.0, 1.0, 4.0, 9.0], [3.5, 2.0, 5.5, 1.0, 4.5, 8.0]], columns="de fr sw fi hu xx".split())
    distance = {"de": 0.1, "fr": 0.3, "sw": 0.9, "fi": 0.6, "hu": 0.7}
    known = values[list(distance)]
    plain = regress(known, list(distance.values()))
    nested = regress(known, list(distance.values()), ["Indo-European", "Indo-European", "Niger-Congo", "Uralic", "Uralic"])
    assert slope_on_distance(analysis, values, distance) == plain, "a synthetic world has no families"
    assert slope_on_distance(dataclasses.replace(analysis, synthetic=False), values, distance) == nested != plain
