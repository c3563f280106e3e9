"""Collapsed runs: the three criteria, their limits, the exact interval, and what a report shows of them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.reporting.conftest import Write
from tests.reporting.simulations import NAMES, comparisons, run_sds, runs
from xstilts.paths import CellPaths, results_dir
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.collapses import collapsed_runs, constant_answer_score, exact_interval
from xstilts.reporting.extras import Extras
from xstilts.reporting.groups import OTHERS
from xstilts.reporting.tables import tables
from xstilts.reporting.views.html.page import render
from xstilts.reporting.views.latex import latex
from xstilts.reporting.views.markdown import report_table
from xstilts.reporting.views.terminal import study_text


def collapsed(scores_TCS: np.ndarray, constant: float | None = None) -> set[tuple[int, str, int]]:
    found = collapsed_runs(comparisons(scores_TCS), lambda one, codes: constant)
    return {(place, choice, seed) for place, own in enumerate(found) for choice, seeds in own.items() for seed in seeds}


def test_a_run_that_is_no_better_than_the_most_frequent_answer_collapsed() -> None:
    scores = runs(np.random.default_rng(0), run_sds(np.random.default_rng(0), "equal"), 2)
    scores[1, 2, 0], scores[1, 2, 1], scores[4, 0, 0] = 33.3, 33.4, 20
    assert collapsed(scores, 33.3) == {(1, NAMES[2], 0), (4, "none", 0)} and collapsed(scores) == set()


def test_a_run_far_below_its_siblings_collapsed_if_there_are_two_of_them() -> None:
    scores = runs(np.random.default_rng(0), run_sds(np.random.default_rng(0), "equal"), 3)
    assert collapsed(scores) == set()
    scores[2, 3, 1] -= 15
    assert collapsed(scores) == {(2, NAMES[3], 1)} and collapsed(scores[..., :2]) == set()
    scores[2, 3, 1] += 40
    assert collapsed(scores) == set(), "far above is no collapse"


def test_a_choice_that_varies_ten_times_as_much_does_not_collapse_all_the_time() -> None:
    shares = [len(collapsed(runs(rng, run_sds(rng, "choice"), 3))) / 297 for rng in map(np.random.default_rng, range(20))]
    assert np.mean(shares) < 0.002


@pytest.mark.parametrize(
    ("metric", "gold", "score"),
    [
        ("accuracy", ["a", "b", "a", "c"], 50.0),
        ("accuracy", [0, 1, 1], 200 / 3),
        ("token_accuracy", [["N", "V"], ["N", "N"]], 75.0),
        ("tagging_f1", [["O", "B-PER"], ["O", "O"]], 0.0),
        ("squad", [[], [], ["Rome", "Rome", "rome", "Rome"]], 200 / 3),
        ("accuracy", ["a", "a"], None),
        ("retrieval_accuracy", [["1"], ["2"]], None),
        ("accuracy", [], None),
    ],
)
def test_the_most_frequent_answer_is_scored_by_the_metric(metric: str, gold: list[Any], score: float | None) -> None:
    assert constant_answer_score(metric, gold, "en") == (score if score is None else pytest.approx(score))


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 1), (0, 5), (2, 7), (20, 20)])
def test_the_interval_of_a_share_is_exact(count: int, total: int) -> None:
    wanted = binomtest(count, total).proportion_ci(method="exact")
    assert exact_interval(count, total) == pytest.approx((100 * wanted.low, 100 * wanted.high))


def edit(study: Path, intermediate: str, seed: int, degenerate: list[str]) -> None:
    for path in results_dir(study).iterdir():
        result = json.loads(path.read_text())
        if result["cell"]["intermediate"] == [intermediate] and result["cell"]["seed"] == seed:
            path.write_text(json.dumps(result | {"degenerate": degenerate}))


@pytest.fixture
def study(write_made_up: Write, tmp_path: Path) -> Path:
    for seed, better in enumerate((0, 1, 0, 1), start=1):
        write_made_up(seed=seed, world_seed=0, better=better)
        write_made_up(seed=seed, world_seed=0, intermediate="mnli", better=(-2, 1, 1, 0)[seed - 1])
        write_made_up(seed=seed, world_seed=0, intermediate="qqp", better=1)
    edit(tmp_path, "mnli", 1, ["test: one answer for every example in qaa qab"])
    return tmp_path


def texts(analysis: Analysis) -> dict[str, str]:
    every = list(tables(analysis))
    return {
        "page": render(analysis, Extras()),
        "markdown": "".join(map(report_table, every)),
        "latex": "".join(map(latex, every)),
        "terminal": study_text(analysis),
    }


def test_a_collapsed_run_is_counted_marked_and_left_out_beside_the_difference_of_all_runs(study: Path) -> None:
    found = analyse(study)
    rows = found.collapses.set_index("intermediate")
    assert rows["collapsed"].to_dict() == {"none": 0, "mnli": 1, "qqp": 0} and (rows["runs"] == 4).all()
    assert rows.loc["mnli", "reasons"] == "seed 1: one answer for every example in qaa"
    assert (rows.loc["mnli", "low"], rows.loc["mnli", "high"]) == exact_interval(1, 4)
    row = found.effects[found.effects["group"] == OTHERS].set_index("intermediate").loc["mnli"]
    assert row["collapsed"] == 1 and row["difference"] < row["difference_without"]
    assert row["low_without"] < row["difference_without"] < row["high_without"]
    assert (found.effects.loc[found.effects["intermediate"] == "qqp", "collapsed"] == 0).all()
    shown = texts(found)
    assert all("1 of 4" in text and "learnt nothing" in text for text in shown.values())
    assert all("§" in shown[view] for view in ("page", "markdown", "terminal")) and r"\S{}" in shown["latex"]


def test_without_collapsed_runs_nothing_is_said_of_them(study: Path) -> None:
    edit(study, "mnli", 1, [])
    found = analyse(study)
    assert not found.collapses["collapsed"].any() and found.effects["difference_without"].isna().all()
    assert all("§" not in text and r"\S{}" not in text for view, text in texts(found).items() if view != "page")
    assert 'id="collapses"' not in texts(found)["page"]


def test_where_both_sides_learnt_nothing_there_is_no_interval_and_no_test(study: Path) -> None:
    for choice in ("none", "mnli"):
        for seed in range(1, 5):
            edit(study, choice, seed, ["test: one answer for every example in qac"])
    effects = analyse(study).effects.set_index(["intermediate", "group"])
    row = effects.loc["mnli", "qac"]
    assert row["collapsed"] == 8 and row["covers"] == "" and all(math.isnan(row[name]) for name in ("low", "high", "p"))
    assert not math.isnan(effects.loc["qqp", "qac"]["p"]) and not math.isnan(effects.loc["mnli", OTHERS]["p"])


def test_broken_predictions_are_named(study: Path) -> None:
    result = next(path for path in results_dir(study).iterdir() if path.name.startswith("none"))
    CellPaths(study, result.stem).predictions.write_bytes(b"broken")
    with pytest.raises(Exception, match="predictions"):
        analyse(study)
