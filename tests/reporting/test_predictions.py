"""Views of predictions, from a study whose predictions are made up and whose data is on the disk."""

import dataclasses
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.reporting.simulated import write_predicted
from xstilts.reporting import predictions as module
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.predictions import EXAMPLES, Predictions, predictions, selected
from xstilts.store.results import cell_predictions, read_results


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_predicted(folder)
    return folder


@pytest.fixture(scope="module")
def analysis(study: Path) -> Analysis:
    return analyse(study)


@pytest.fixture(scope="module")
def found(analysis: Analysis) -> Predictions:
    return predictions(analysis)


def test_a_confusion_matrix_counts_the_words_of_all_seeds(found: Predictions, study: Path) -> None:
    (table,) = found.confusions
    assert table.name == "confusion_nli" and list(table.header[:3]) == ["intermediate", "languages", "gold"]
    data = table.data.set_index(["intermediate", "languages", "gold", "predicted"])
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for result in read_results(study / "results"):
        (choice,) = result["cell"]["intermediate"]
        for row in cell_predictions(study, result):
            group = "source language" if row["language"] == "en" else "other languages"
            counts[choice, group, row["gold"], row["prediction"]] += 1
    assert {key: row["examples"] for key, row in data.iterrows() if row["examples"]} == dict(counts)
    shares = data.groupby(level=["intermediate", "languages", "gold"])["share"].sum()
    assert len(table.rows) == len(shares) == 2 * 2 * 3 and shares.to_numpy() == pytest.approx(100)
    first = table.rows[0]
    assert [cell.text for cell, name in zip(first, table.header, strict=True) if cell.bold] == [
        cell.text for cell, name in zip(first, table.header, strict=True) if name == first[2].text
    ], "what is right is bold"


def test_rare_labels_are_one(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LABELS", 1)
    (table,) = predictions(analysis).confusions
    assert list(table.data["gold"].unique())[1:] == ["other labels"] and table.data["examples"].sum() == 4 * 3 * 40


def test_examples_show_all_languages_and_choices_side_by_side(found: Predictions, study: Path) -> None:
    assert found.examples is not None and list(found.examples.columns) == EXAMPLES and found.left_out == ()
    for item, own in found.examples.groupby("item"):
        assert list(own["language"].unique()) == ["en", "de", "sw"], "the source language first"
        assert len(own) == 3 * 2 and set(own["text"]) == {
            f"premise {item} {code} | hypothesis {item}" for code in ("en", "de", "sw")
        }
    right: dict[tuple[str, str, str], list[bool]] = {}
    for result in read_results(study / "results"):
        for row in cell_predictions(study, result):
            key = (*result["cell"]["intermediate"], row["language"], row["id"])
            right.setdefault(key, []).append(row["gold"] == row["prediction"])
    for row in found.examples.itertuples():
        assert (row.right, row.runs) == (sum(right[row.intermediate, row.language, row.item]), 2)
        assert 0 < row.confidence <= 1


def test_the_largest_differences_come_first(found: Predictions, analysis: Analysis) -> None:
    assert found.examples is not None
    share = found.examples["right"] / found.examples["runs"]
    gains = share.where(found.examples["intermediate"] == "mnli", -share).groupby(found.examples["item"], sort=False).sum()
    kept = analysis.disagreements
    assert gains.tolist() == pytest.approx(kept["gain"].tolist())
    assert (gains != 0).all() and gains.iloc[0] == gains.max() and gains.iloc[1] == gains.min()
    assert found.shown.startswith(f"{len(gains)} items are shown")


def test_texts_fit_into_their_room(analysis: Analysis, found: Predictions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found.examples is not None
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    fewer = predictions(analysis).examples
    assert fewer is not None and 0 < len(fewer) < len(found.examples)
    pd.testing.assert_frame_equal(fewer, found.examples.head(len(fewer)))
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    assert predictions(analysis).examples is None


def test_the_calibration_error_is_compared_by_language(found: Predictions, analysis: Analysis) -> None:
    assert found.calibration
    texts = [row[1].text for row in found.calibration.rows]
    assert {"other languages", "en", "de", "sw"} == set(texts)
    scores = analysis.scores[analysis.scores["metric"] == "ece"].groupby(["language", "intermediate"])["value"].mean()
    rows = analysis.calibration.set_index("group")
    for code in ("en", "de", "sw"):
        assert rows.loc[code, "difference"] == pytest.approx(scores[code, "mnli"] - scores[code, "none"])
        assert (
            rows.loc[code, "low"] < rows.loc[code, "difference"] < rows.loc[code, "high"] and rows.loc[code, "covers"] == "runs"
        )


def test_examples_are_selected_by_choice_language_and_words(found: Predictions) -> None:
    every = selected(found.examples, None, [], "")
    assert found.examples is not None and len(every) == found.examples["item"].nunique()
    item = every[0].iloc[0]["item"]
    (one,) = selected(found.examples, "mnli", [], f"PREMISE {item} sw")[:1]
    assert len(one) == 6
    assert all(set(own["language"]) == {"sw"} for own in selected(found.examples, None, ["sw"], ""))
    assert selected(found.examples, None, [], "no such word") == selected(None, None, [], "") == []


def test_a_study_without_confidences_and_without_its_data(tmp_path: Path) -> None:
    shutil.rmtree(write_predicted(tmp_path, confidence=False))
    found = predictions(analyse(tmp_path))
    assert found.calibration is None and found.confusions and found.examples is not None
    assert found.examples["confidence"].isna().all() and set(found.examples["text"]) == {""}
    (reason,) = found.left_out
    assert reason.startswith("nli: no test data of task 'nli' in language 'de': looked for ") and "\n" not in reason


def test_another_target_has_nothing(analysis: Analysis, tmp_path: Path) -> None:
    assert predictions(analysis, "xquad") == Predictions()
    write_predicted(tmp_path)
    shutil.rmtree(tmp_path / "predictions")
    found = predictions(analyse(tmp_path))
    assert dataclasses.replace(found, calibration=None) == Predictions()
