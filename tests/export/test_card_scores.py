"""Scores noted beside an artifact: by one evaluation after another, by several at once, and where nothing can be written."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from xstilts.export import card_scores as card_scores
from xstilts.export.card_scores import add_scores, first_card, scored
from xstilts.paths import CARD, SCORES, ArtifactPaths
from xstilts.store.artifacts import publish, remove, temporary_folder, verify

ROWS = [
    {"task": "xnli", "language": name, "split": "validation", "metric": "accuracy", "value": value, "examples": 10}
    for name, value in (("de", 60.0), ("en", 81.5), ("fr", 40.0))
]
RESULT = {
    "cell": {"study": "s", "intermediate": ["none"], "target": "xnli", "seed": 1, "model": "/home/me/x", "source_language": "en"},
    "config": {"target": {"max_test_examples": None}},
    "degenerate": [],
}
ADD = """
import sys
from pathlib import Path
from xstilts.export.card_scores import add_scores, scored
rows = [{"language": "en", "split": "test", "metric": "accuracy", "value": 1.0, "examples": 1}]
result = {"cell": {"target": sys.argv[2]}, "config": {"target": {}}, "degenerate": []}
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for number in range(10):
    add_scores(Path(sys.argv[1]), f"{sys.argv[2]}{number}", scored(result, rows, False))
"""


@pytest.fixture
def paths(tmp_path: Path) -> ArtifactPaths:
    """Return the paths of an artifact with a card."""
    paths = ArtifactPaths(tmp_path / "store", "trained", "0123")
    metadata = {"label": "phase 2: mnli", "identity": {"seed": 1}}
    with temporary_folder(paths.folder) as folder:
        first_card(folder, metadata)
        publish(folder, paths.folder, metadata)
    return paths


def noted(paths: ArtifactPaths) -> dict[str, Any]:
    return dict(json.loads((paths.folder / SCORES).read_text(encoding="utf-8")))


def test_what_is_kept_of_a_result() -> None:
    kept = scored(RESULT, ROWS, synthetic=False)
    assert (kept["source"], kept["others"], kept["source_language"]) == (81.5, 50.0, "en")
    assert list(kept["languages"]) == ["en", "de", "fr"] and kept["languages"]["de"] == {"value": 60.0, "examples": 10}
    assert "model" not in kept["cell"], "paths stay at home"
    assert json.loads(json.dumps(kept)) == kept


def test_the_first_card_has_no_scores(paths: ArtifactPaths) -> None:
    assert noted(paths) == {} and "No scores on targets yet" in (paths.folder / CARD).read_text(encoding="utf-8")
    verify(paths.folder)


def test_results_come_one_after_another_and_an_evaluation_again_replaces(paths: ArtifactPaths) -> None:
    add_scores(paths.folder, "a", scored(RESULT, ROWS, False))
    add_scores(paths.folder, "b", scored(RESULT, ROWS[:2], False))
    assert list(noted(paths)) == ["a", "b"] and len(noted(paths)["a"]["languages"]) == 3
    add_scores(paths.folder, "a", scored(RESULT, ROWS[1:], False))
    assert list(noted(paths)) == ["a", "b"] and list(noted(paths)["a"]["languages"]) == ["en", "fr"]
    text = (paths.folder / CARD).read_text(encoding="utf-8")
    assert text.count("<summary>xnli, validation, accuracy: 2 languages") == 2
    verify(paths.folder)


def test_the_same_scores_touch_nothing(paths: ArtifactPaths) -> None:
    add_scores(paths.folder, "a", scored(RESULT, ROWS, False))
    times = [(paths.folder / name).stat().st_mtime_ns for name in (CARD, SCORES)]
    paths.lock.unlink()
    add_scores(paths.folder, "a", scored(RESULT, ROWS, False))
    assert times == [(paths.folder / name).stat().st_mtime_ns for name in (CARD, SCORES)] and not paths.lock.exists()


def test_two_processes_at_once_lose_no_score(paths: ArtifactPaths) -> None:
    words = [sys.executable, "-c", ADD, str(paths.folder)]
    both = [subprocess.Popen([*words, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in ("x", "y")]
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in both:
        process.communicate("go\n", timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(noted(paths)) == sorted(f"{name}{number}" for name in "xy" for number in range(10))
    assert (paths.folder / CARD).read_text(encoding="utf-8").count("<summary>") == 20
    verify(paths.folder)


@pytest.mark.parametrize("trouble", ["lock", "scores", "removed", "card"])
def test_trouble_is_one_line_and_changes_nothing(
    trouble: str, paths: ArtifactPaths, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "lock":  # as in a store that can only be read
        paths.lock.mkdir()
    elif trouble == "scores":
        (paths.folder / SCORES).write_text("{")
    elif trouble == "removed":
        remove(paths.folder)
    else:
        monkeypatch.setattr(card_scores, "card", lambda *_: 1 / 0)
    before = {path: path.read_bytes() for path in paths.folder.rglob("*") if path.name != SCORES}
    with caplog.at_level(logging.INFO, "xstilts"):
        add_scores(paths.folder, "a", scored(RESULT, ROWS, False))
    (line,) = caplog.messages
    assert line.startswith(f"the scores are not in the model card of {paths.folder}: ") and "\n" not in line
    assert {path: path.read_bytes() for path in paths.folder.rglob("*") if path.name != SCORES} == before
    assert paths.folder.exists() == (trouble != "removed")


def test_a_card_that_cannot_be_made_stops_no_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_scores, "card", lambda *_: 1 / 0)
    first_card(tmp_path, {"label": "phase 2: mnli"})
    assert caplog.messages == ["phase 2: mnli: no model card: division by zero"]
    assert [path.name for path in tmp_path.iterdir()] == [SCORES]
