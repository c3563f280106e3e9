"""The best intermediate task per target is chosen on validation data and reported on test data, without bias."""

import math

import numpy as np
import pytest
from pandas import DataFrame

from tests.reporting.simulated_targets import simulated_targets
from xstilts.reporting.contrasts import Scored
from xstilts.reporting.groups import ALL, SOURCE
from xstilts.reporting.selection import AVERAGE, selection
from xstilts.reporting.statistics import RUNS

NOTHING = dict.fromkeys(("a", "b", "c", "d", "e", "f"), 0.0)


def select(own: list[Scored], chosen_on: str = ALL) -> DataFrame:
    found = selection(own)
    return found[found["chosen_on"] == chosen_on].set_index("target")


def test_a_choice_that_is_better_is_chosen_and_its_gain_reported() -> None:
    rows = select(simulated_targets(np.random.default_rng(0), NOTHING | {"c": 10.0}, own_sd=0.1))
    assert (
        rows["chosen"].tolist() == ["c", "c", "c", "one: c, two: c, three: c"]
        and rows.loc["one", "reported"] == "c 3"
        and rows.loc[AVERAGE, "reported"] == "c 9"
    )
    assert rows["gain"].tolist() == pytest.approx([10] * 4, abs=3) and (rows["candidates"] == 6).all()
    assert (rows["covers"] == RUNS).all() and rows.loc[AVERAGE, "low"] < 10 < rows.loc[AVERAGE, "high"]
    assert rows.loc[AVERAGE, "p"] < 0.01 and rows.loc[AVERAGE, "over"] == "3 targets"
    assert (rows["upper_bound"] >= rows["gain"] - 1e-9).all()


@pytest.mark.slow
def test_where_nothing_helps_the_gain_is_0_and_that_on_test_data_is_not() -> None:
    gains, bounds, covered = [], [], []
    for repetition in range(150):
        row = select(simulated_targets(np.random.default_rng(repetition + 1000), NOTHING, ("one", "two"), seeds=2)).loc[AVERAGE]
        gains.append(row["gain"])
        bounds.append(row["upper_bound"])
        covered.append(row["low"] <= 0 <= row["high"])
    error = np.std(gains) / math.sqrt(len(gains))
    assert abs(np.mean(gains)) < 3 * error and error < 0.1
    assert np.mean(covered) >= 0.93
    assert np.mean(bounds) > 0.8, "choosing on the test data finds a gain where there is none"


def test_one_split_or_one_candidate_leave_nothing_to_choose() -> None:
    own = simulated_targets(np.random.default_rng(0), NOTHING, ("one", "two"))
    own += simulated_targets(np.random.default_rng(0), NOTHING, ("test only",), splits=("test",), evaluate=("test",))
    own += simulated_targets(np.random.default_rng(0), NOTHING, ("dev",), splits=("validation",), evaluate=("validation",))
    rows = select(own)
    assert set(rows.loc[["test only", "dev"], "over"]) == {"cannot be chosen honestly: there is one split only"}
    assert rows.loc[["test only", "dev"], "gain"].isna().all()
    assert rows.loc[AVERAGE, "over"].startswith("2 targets; without test only: there is one split only")
    assert select(simulated_targets(np.random.default_rng(0), {"a": 1.0})).empty


def test_one_seed_has_no_interval() -> None:
    rows = select(simulated_targets(np.random.default_rng(0), NOTHING, seeds=1))
    assert rows["low"].isna().all() and rows["p"].isna().all() and (rows["seeds"] == 1).all() and rows["gain"].notna().all()


def test_choices_on_the_source_language_use_no_other_language() -> None:
    own = simulated_targets(np.random.default_rng(0), NOTHING, ("one",), own_sd=0.0)
    for result in own[0].one.cells["d"].values():
        for row in result["rows"]:
            row["value"] += {"en": 20, "de": -30, "sw": -30}[row["language"]] if row["split"] == "validation" else 0
    assert select(own, SOURCE).loc["one", "chosen"] == "d" and select(own, ALL).loc["one", "chosen"] != "d"
