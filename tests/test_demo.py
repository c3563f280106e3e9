"""`make demo`: its data and tokenizer, a whole run, a second one that reuses everything, and the README's program text on it."""

import contextlib
import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import demo
from xstilts.config import DataConfig
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task

FEW_STEPS = ["intermediate.recipe.max_steps=2", "target.recipe.max_steps=2"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xstilts.demo", *words]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=500)


def files(folder: Path) -> dict[str, int]:
    """Path -> time of the last change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_every_language_says_the_same_sentences():
    with demo.SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["language"] for row in rows] == list(demo.LANGUAGES) * 12
    assert all(row[column].endswith(".") for row in rows for column in ("premise", *demo.LABELS))


def test_no_pair_is_in_two_splits():
    names = [*demo.INTERMEDIATE, *demo.INTERMEDIATE_VALIDATION, *demo.TRAIN, *demo.VALIDATION, *demo.TEST]
    assert len(names) == len(set(names))
    hypotheses = [pair[1] for pair in demo.pairs("en", ("Ida",))]
    assert len(hypotheses) == len(set(hypotheses)) == 36


def test_the_data_are_read_as_xtremes(tmp_path: Path, repository: Path):
    demo.make_data(tmp_path)
    data = DataConfig(source="xtreme", root=str(tmp_path))
    xnli = load_task(repository / "conf", "xnli")
    test = load(xnli, data, "test", demo.LANGUAGES)
    assert len(test) == 4 * 72
    assert test[72]["text_a"] == "Ida isst einen Apfel." and test[72]["label"] is not None
    assert len(load(load_task(repository / "conf", "mnli"), data, "train", ["en"])) == 144
    assert len(load(load_task(repository / "conf", "snli"), data, "train", ["en"])) == 216


def test_making_the_data_again_touches_no_file(tmp_path: Path):
    demo.make_data(tmp_path)
    before = files(tmp_path)
    demo.make_data(tmp_path)
    assert files(tmp_path) == before and len(before) == 11


def test_the_tokenizer_is_one_of_xlm_rs_kind_and_always_the_same(tmp_path: Path):
    from transformers import AutoTokenizer

    for name in ("one", "two"):
        demo.make_tokenizer(tmp_path / name)
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tmp_path / "two" / "tokenizer.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, len(tokenizer) - 1]) == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    text = "Paul trinkt heißen Tee."
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_help(tmp_path: Path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0 and "without network" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_failing_demo_says_so_and_fails(tmp_path: Path):
    done = run(tmp_path, "target.recipe.epochs=-1")
    assert done.returncode == 2
    assert "error: target.training.mnli: epochs: got -1.0, expected more than 0\n" in done.stderr
    assert done.stderr.endswith("error: the demo failed: its command ended with exit code 2\n")
    assert "Traceback" not in done.stderr and not (tmp_path / "outputs" / "demo" / "results").exists()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which the demo ran, with few steps, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, *FEW_STEPS)


@pytest.mark.slow
def test_the_demo_runs_from_end_to_end(shown: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, done = shown
    assert done.returncode == 0, done.stderr
    assert (
        "-m xstilts.train \\\n    +intermediate=snli \\\n    +target=xnli \\\n    data=xtreme \\\n"
        "    data.root=outputs/demo/data \\\n" in done.stdout
    )
    assert [line for line in done.stderr.splitlines() if line.startswith("phase")][0].startswith("phase 2: snli: training ")
    for language in demo.LANGUAGES:
        assert re.search(rf"^ *{language} +\d+\.\d +\d+\.\d$", done.stdout, re.MULTILINE), done.stdout
    assert "transfer gap" in done.stdout
    assert list((folder / "outputs" / "demo" / "results").glob("snli.xnli.seed1.*.json"))


@pytest.mark.slow
def test_a_second_demo_reuses_everything(shown: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, first = shown
    kept = [folder / "outputs" / "demo" / name for name in ("data", "tokenizer", "store/trained", "results", "predictions")]
    before = [files(place) for place in kept]
    second = run(folder, *FEW_STEPS)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout and "nothing to do" in second.stderr and "training" not in second.stderr
    assert [files(place) for place in kept] == before and all(before)


@pytest.mark.slow
def test_the_readmes_program_text_reads_what_the_demo_made(
    shown: tuple[Path, subprocess.CompletedProcess[str]], repository: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, _ = shown
    monkeypatch.chdir(folder)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    texts = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert len(texts) == 3
    said = []
    for text in texts:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, "README.md", "exec"), {})
        said.append(out.getvalue())
    scores, predictions, label = said
    assert len(scores.splitlines()) == 8 and scores.startswith("['snli'] xnli 1 en validation accuracy ")
    assert len(predictions.splitlines()) == 3
    assert all(line.split()[0] == "en" and line.split()[-1] in demo.LABELS for line in predictions.splitlines())
    assert label.strip() in demo.LABELS
