"""The validation score of a cell is that of the weights that were kept."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from xstilts.paths import METADATA
from xstilts.store.validation import validation_score

HISTORY = [{"step": 2, "score": 40.0}, {"step": 4, "score": 60.0}, {"step": 6, "score": 50.0}]


def result(folder: Path, history: list[dict[str, Any]], step: int, training: tuple[str, ...] = ("mnli",)) -> dict[str, Any]:
    place = folder / "store" / "trained" / "f3"
    place.mkdir(parents=True)
    (place / METADATA).write_text(json.dumps({"validation": history, "selected_step": step}))
    config = {"target": {"training": dict.fromkeys(training)}, "store": {"root": str(folder / "store")}}
    return {"config": config, "artifacts": [{"kind": "trained", "fingerprint": "f3"}], "rows": [{"value": 99.0}]}


@pytest.mark.parametrize(
    ("history", "step", "score"),
    [
        (HISTORY, 4, 60.0),
        (HISTORY, 6, 50.0),
        (HISTORY, 10, 50.0),  # the last weights of a training that was stopped early
        ([], 6, None),
    ],
)
def test_the_score_is_that_of_the_kept_weights(history, step, score, tmp_path):
    assert validation_score(result(tmp_path, history, step)) == score


def test_a_target_without_training_has_none(tmp_path):
    assert validation_score(result(tmp_path, HISTORY, 4, training=())) is None


def test_a_finished_cell_whose_artifacts_were_removed_has_none(tmp_path):
    finished = result(tmp_path, HISTORY, 4)
    shutil.rmtree(tmp_path / "store")
    assert validation_score(finished) is None
