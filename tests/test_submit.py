"""The command line of `python -m xstilts.submit`; what it writes is tested in tests/reporting/test_submission.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import submit
from xstilts.paths import CellPaths, conf_dir
from xstilts.store.results import name_of, write_predictions, write_result
from xstilts.tasks.catalogue import load_task


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """One baseline cell of PAWS-X."""
    languages = load_task(conf_dir(), "pawsx").languages
    common = {"task": "pawsx", "split": "test"}
    result = {
        "schema": 1,
        "cell": {"study": "s", "intermediate": ["none"], "target": "pawsx", "seed": 1, "model": "tiny", "recipe": "jiant"},
        "fingerprint": "0123456789abcdef",
        "artifacts": [],
        "rows": [common | {"language": language, "metric": "accuracy", "value": 50.0, "examples": 2} for language in languages],
        "degenerate": [],
        "versions": {},
        "config": {"target": {"max_test_examples": None}},
    }
    rows = [
        common | {"language": language, "id": f"test-{number}", "cluster": f"{number}", "prediction": label, "gold": "1"}
        for language in languages
        for number, label in enumerate("10")
    ]
    paths = CellPaths(tmp_path / "study", name_of(result))
    write_predictions(paths.predictions, rows)
    write_result(paths.result, result)
    return tmp_path / "study"


def test_defaults_and_partial(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit.main([str(study), "--partial"])
    folder = study / "xtreme.none.seed1"
    assert capsys.readouterr().out == (f"left out, no cell: bucc2018 mlqa panx tatoeba tydiqa udpos xnli xquad\n{folder}\n")
    assert (folder / "pawsx" / "test-ko.tsv").read_bytes() == b"1\n0\n"
    assert len(list(folder.rglob("*.*sv"))) == 7


def test_a_refusal_is_one_line(study: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "xstilts", "submit", str(study), "--output", "made"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {study} has no cell with intermediate none and seed 1 for bucc2018, mlqa, panx, ")
    assert done.stderr.count("\n") == 1 and [path.name for path in tmp_path.iterdir()] == ["study"]


def test_options_reach_the_choice(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path / "made" / "here"), "--partial"]
    with pytest.raises(SystemExit, match="^2$"):
        submit.main([str(study), "--model", "large", *output])
    assert "intermediate none and seed 1 and model large: it has none with seed 1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="^2$"):
        submit.main([str(study), "--intermediate", "mnli", "--seed", "2", *output])
    assert "intermediate mnli and seed 2: " in capsys.readouterr().err
    with pytest.raises(SystemExit, match="^2$"):
        submit.main([str(study), "--version", "xtreme-r", *output])
    assert "no cell of xtreme-r" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
    submit.main([str(study), "--model", "tiny", "--recipe", "jiant", "--cell", "none.pawsx.seed1.01234567", *output])
    assert (tmp_path / "made" / "here" / "pawsx" / "test-en.tsv").is_file()
