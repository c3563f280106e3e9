"""The tables of a study's report, from made-up cells."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xstilts.errors import UserError
from xstilts.paths import CellPaths, results_dir, sweep_summary
from xstilts.reporting.analysis import analyse, question
from xstilts.reporting.groups import ALL, OTHERS, PHASE_2, SEEN, SOURCE, UNSEEN
from xstilts.reporting.run_variances import MANY, RunVariance, TargetRuns, run_variances
from xstilts.reporting.statistics import ITEMS, NOTHING, RUNS_AND_ITEMS, effect, holm
from xstilts.store.results import name_of, write_result

Write = Any


@pytest.fixture
def study(write_made_up: Write, tmp_path: Path) -> Path:
    """Two targets, two choices beside the baseline, two seeds; what mnli gains is one item of ten in every language."""
    for seed in (1, 2):
        for target in ("xnli", "pawsx"):
            write_made_up(target=target, seed=seed)
            write_made_up(intermediate="mnli", target=target, seed=seed, better=1)
        write_made_up(intermediate="qqp", target="xnli", seed=seed, better=-seed)
    return tmp_path


def test_effects_are_differences_to_the_baseline_by_group_of_languages(study: Path) -> None:
    effects = analyse(study).effects
    mnli = effects[(effects["intermediate"] == "mnli") & (effects["target"] == "xnli")].set_index("group")
    assert set(mnli["difference"].round(6)) == {10.0}
    assert mnli.loc[OTHERS, "baseline"] == pytest.approx((70 + 60 + 50 + 30) / 4)
    assert (mnli.loc[SOURCE, "baseline"], mnli.loc[SOURCE, "score"]) == (80.0, 90.0)
    assert mnli.loc[ALL, "languages"] == 5 and mnli.loc["qab", "languages"] == 1
    assert set(mnli["seeds"]) == {2} and set(mnli["items"]) == {10}
    assert {"near", "far", "low-resource"} & set(mnli.index), "groups of the synthetic world"
    assert not len(effects[effects["intermediate"] == "none"])


def test_an_effect_is_judged_by_seeds_of_all_choices_and_by_items(study: Path) -> None:
    effects = analyse(study).effects
    row = effects[(effects["intermediate"] == "qqp") & (effects["group"] == ALL)].iloc[0]
    assert row["difference"] == -15.0 and row["low"] < -15.0 < row["high"]
    alone = effect([[58.0], [58.0]], [[48.0], [38.0]], row["item_sd"] ** 2)
    assert (row["low"], row["high"]) != pytest.approx((alone.low, alone.high)), "three choices know more of seeds than two"
    assert row["item_sd"] > 0 and row["covers"] == RUNS_AND_ITEMS


def test_p_values_are_corrected_for_the_cells_of_the_grid(study: Path) -> None:
    effects = analyse(study).effects
    for _, group in effects.groupby("group"):
        assert group["p_corrected"].tolist() == pytest.approx(holm(group["p"].tolist()), nan_ok=True)
    assert (effects["p_corrected"] >= effects["p"] - 1e-12).all()


def test_without_predictions_there_are_no_items_and_with_one_seed_no_interval(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", better=1)
    for path in (tmp_path / "predictions").iterdir():
        path.unlink()
    row = analyse(tmp_path).effects.iloc[0]
    assert row["difference"] == 10.0 and row["items"] == 0 and math.isnan(row["p"]) and math.isnan(row["low"])
    assert row["covers"] == NOTHING


def test_single_runs_are_never_significant(write_made_up: Write, tmp_path: Path) -> None:
    """A gain of every item of every language would be certain, were there another run."""
    write_made_up(right=dict.fromkeys(("qaa", "qab", "qac", "qae", "qaf"), 0))
    write_made_up(intermediate="mnli", right=dict.fromkeys(("qaa", "qab", "qac", "qae", "qaf"), 10))
    effects = analyse(tmp_path).effects
    assert set(effects["difference"]) == {100.0} and set(effects["covers"]) == {ITEMS}
    assert effects["p"].isna().all() and effects["p_corrected"].isna().all()


def test_a_single_run_beside_choices_with_several_uses_their_run_variance(study: Path, write_made_up: Write) -> None:
    write_made_up(intermediate="snli", target="xnli", better=2)
    effects = analyse(study).effects
    row = effects[(effects["intermediate"] == "snli") & (effects["group"] == ALL)].iloc[0]
    assert (row["seeds"], row["covers"]) == (1, RUNS_AND_ITEMS) and math.isnan(row["p_corrected"])
    others = effects[(effects["intermediate"] == "mnli") & (effects["target"] == "xnli") & (effects["group"] == ALL)].iloc[0]
    assert row["high"] - row["low"] > others["high"] - others["low"]


def test_averages_are_over_the_targets_that_all_choices_have(study: Path) -> None:
    averages = analyse(study).averages.set_index("intermediate")
    assert averages.index[0] == "none" and set(averages["tasks"]) == {1}, "qqp was not run on pawsx"
    assert averages.loc["none", "average"] == pytest.approx((80 + 70 + 60 + 50 + 30) / 5)
    assert averages.loc["mnli", "average"] == pytest.approx(averages.loc["none", "average"] + 10)
    assert averages.loc["none", "gap"] == pytest.approx(80 - 210 / 4)
    assert averages.loc["qqp", "sd"] == pytest.approx(10 / math.sqrt(2))


def test_every_score_and_where_it_comes_from(study: Path) -> None:
    found = analyse(study)
    assert (found.name, found.source, found.synthetic) == ("babel", "qaa", True)
    assert len(found.scores) == 10 * 5 and found.scores["main"].all()
    assert set(found.provenance["cell"]) == {path.stem for path in results_dir(study).iterdir()}
    assert found.scores.loc[found.scores["source"], "language"].unique().tolist() == ["qaa"]


def test_what_went_wrong_is_told(study: Path) -> None:
    path = CellPaths(study, analyse(study).provenance["cell"][0]).result
    path.write_text(json.dumps(json.loads(path.read_text()) | {"degenerate": ["test: one answer for every example in qab"]}))
    units = [
        {"label": "phase 2: squad_v1", "state": "failed", "reason": "no space"},
        {"label": "phase 4: xnli", "state": "blocked", "reason": "phase 2: squad_v1 failed"},
        {"label": "phase 4: pawsx", "state": "done", "reason": ""},
    ]
    sweep_summary(study).write_text(json.dumps({"units": units}))
    told = analyse(study).problems
    assert told["kind"].tolist() == ["degenerate", "failed", "blocked"]
    assert told["cell"].tolist() == [path.stem, "phase 2: squad_v1", "phase 4: xnli"]


def test_the_question_is_the_header_of_the_study() -> None:
    assert question("phang2020").startswith("Which English intermediate task helps which")
    assert "@package" not in question("phang2020") and question("no_such_study") == ""


def test_a_study_of_another_name_has_the_question_of_what_was_swept(study: Path) -> None:
    assert analyse(study).question == question("babel"), "its name is that of a file"
    for path in results_dir(study).iterdir():
        result = json.loads(path.read_text())
        result["cell"]["study"] = "mine"
        path.write_text(json.dumps(result))
    assert analyse(study).question == ""
    sweep_summary(study).write_text(json.dumps({"experiment": "phang2020", "units": []}))
    assert analyse(study).question == question("mine", "phang2020") == question("phang2020") != ""


def test_a_choice_that_lacks_languages_is_not_compared_and_harms_no_other(study: Path) -> None:
    before = analyse(study).effects
    for path in results_dir(study).glob("qqp.*"):
        result = json.loads(path.read_text())
        result["rows"] = result["rows"][1:]
        path.write_text(json.dumps(result))
    effects = analyse(study).effects
    assert set(effects["intermediate"]) == {"mnli"} and set(before["intermediate"]) == {"mnli", "qqp"}
    assert effects["difference"].tolist() == before.loc[before["intermediate"] == "mnli", "difference"].tolist()


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    results_dir(tmp_path).mkdir()
    with pytest.raises(UserError, match="no results in"):
        analyse(tmp_path)


def test_results_that_are_left_out_are_named(write_made_up: Write, tmp_path: Path) -> None:
    """The older of two of one description, and one without gold in a split that the others have."""
    write_made_up()
    (old,) = results_dir(tmp_path).iterdir()
    os.utime(old, (1, 1))
    newer = json.loads(old.read_text())
    newer["config"]["data"]["root"] = "/elsewhere"
    newer["fingerprint"] = "f" * 16
    new = results_dir(tmp_path) / f"{name_of(newer)}.json"
    write_result(new, newer)
    write_made_up(intermediate="mnli", better=1)
    blind = next(path for path in results_dir(tmp_path).iterdir() if path.name.startswith("mnli"))
    result = json.loads(blind.read_text())
    blind.write_text(json.dumps(result | {"rows": [row | {"value": None} for row in result["rows"]]}))
    found = analyse(tmp_path)
    told = found.problems.set_index("cell")
    assert set(told["kind"]) == {"left out"} and set(told.index) == {old.stem, blind.stem}
    assert told.loc[old.stem, "reason"].startswith(f"{new.stem} has the same description and is newer")
    assert told.loc[blind.stem, "reason"] == "no split has gold in all cells of its target"
    assert found.provenance["cell"].tolist() == [new.stem]


def unpair(study: Path, training: dict[str, Any] | None = None) -> None:
    """Rewrite the results of a folder as those of one world and one encoder, whose seeds are those of trainings only."""
    for path in results_dir(study).iterdir():
        result = json.loads(path.read_text())
        result["config"]["data"]["world"]["seed"] = result["config"]["model"]["tiny"]["seed"] = 0
        if training is not None:
            result["config"]["target"]["training"] = training
        path.write_text(json.dumps(result))


def test_runs_of_one_encoder_are_compared_with_all_runs_of_the_baseline(write_made_up: Write, tmp_path: Path) -> None:
    for seed, right in enumerate((8, 7, 9, 6), start=1):
        write_made_up(seed=seed, right={"qaf": right})
    for seed in (1, 5):
        write_made_up(intermediate="mnli", seed=seed, right={"qaf": 9})
    paired = analyse(tmp_path).effects.set_index("group").loc["qaf"]
    assert (paired["seeds"], paired["baseline_seeds"], paired["difference"]) == (1, 1, 10.0) and math.isnan(paired["p"])
    unpair(tmp_path)
    row = analyse(tmp_path).effects.set_index("group").loc["qaf"]
    assert (row["seeds"], row["baseline_seeds"], row["difference"]) == (2, 4, pytest.approx(15.0))
    sides = np.array([[80.0], [70], [90], [60]]), np.array([[90.0], [90]])
    (known,) = run_variances([TargetRuns({"none": sides[0][:, 0], "mnli": sides[1][:, 0]})])
    assert known is not None
    wanted = effect(*sides, row["item_sd"] ** 2, (known.of("none"), known.of("mnli")))
    assert (row["low"], row["high"], row["p"]) == pytest.approx((wanted.low, wanted.high, wanted.p))


def test_the_baseline_of_a_target_without_training_has_no_run_variance(write_made_up: Write, tmp_path: Path) -> None:
    for seed, right in enumerate((8, 7, 9), start=1):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, right={"qaf": right})
    widths = []
    for training in ({"mnli": {}}, {}):
        unpair(tmp_path, training)
        row = analyse(tmp_path).effects.set_index("group").loc["qaf"]
        widths.append(row["high"] - row["low"])
    (known,) = run_variances([TargetRuns({"mnli": np.array([80.0, 70, 90])})])
    assert known is not None
    runs = RunVariance(0.0, MANY), known.of("mnli")
    alone = effect(np.full((3, 1), 30.0), np.array([[80.0], [70], [90]]), row["item_sd"] ** 2, runs)
    assert widths[1] == pytest.approx(alone.high - alone.low) != widths[0] and row["baseline_seeds"] == 3


def test_each_choice_has_its_own_seen_and_unseen_languages(study: Path, write_made_up: Write) -> None:
    assert not (analyse(study).effects["kind"] == PHASE_2).any(), "no choice saw another language"
    for seed in (1, 2):
        used = {"languages": ["qaa", "qab", "qac"]}
        write_made_up(intermediate="snli", seed=seed, used=used, right={"qaa": 8, "qab": 9, "qac": 8, "qae": 5, "qaf": 3})
    found = analyse(study)
    effects = found.effects[found.effects["target"] == "xnli"].set_index(["intermediate", "group"])
    assert effects.loc[("snli", SEEN), ["difference", "languages", "seen_languages"]].tolist() == [20, 2, 2]
    assert effects.loc[("snli", UNSEEN), ["difference", "languages", "seen_languages"]].tolist() == [0, 2, 0]
    assert effects.loc[("snli", "qab"), "seen_languages"] == 1 and effects.loc[("snli", "qae"), "seen_languages"] == 0
    assert effects.loc[("mnli", UNSEEN), "languages"] == 4 and ("mnli", SEEN) not in effects.index
    assert effects.loc[("mnli", UNSEEN), "low"] == pytest.approx(effects.loc[("mnli", OTHERS), "low"])
    seen = found.scores[found.scores["seen"]]
    assert set(seen["intermediate"]) == {"snli"} and set(seen["language"]) == {"qaa", "qab", "qac"}
