"""`make demo`: a whole run, small; a second one that reuses everything; the program text of docs/results.md on what it made."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import demo, report

# A world of a few examples and encoders of a few steps: what is tested is that all parts meet, and no score.
SMALL = [
    "data.world.rows=0.02",
    "data.world.stories=60",
    "data.world.pairs=30",
    "pretraining.recipe.max_steps=20",
    "intermediate.recipe.max_steps=5",
    "target.recipe.max_steps=5",
]
SEEDS = ("seed=1,2",)
LANGUAGES = ("qaa", "qab", "qac", "qad", "qae", "qaf", "qag", "qah")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xstilts.demo", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**os.environ, "COLUMNS": "200"}, timeout=500)


def files(folder: Path) -> dict[str, int]:
    """Path -> time of the last change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_commands_are_those_of_a_user_and_every_seed_is_in_one():
    pretraining, cells = demo.commands(Path("outputs/demo"), ["data.world.seed=2"])
    assert pretraining[:4] == ["-m", "xstilts.pretrain", "-m", "data=babel"] and pretraining[-1] == "data.world.seed=2"
    assert [words[2:5] for words in cells.values()] == [["-m", "+experiments=demo", f"seed={seeds}"] for seeds in ("1,3", "2,4")]
    assert all(words[-1] == "data.world.seed=2" for words in cells.values())


def test_given_seeds_replace_those_of_the_demo():
    for given, shares in (("5,6,7", ["seed=5,7", "seed=6"]), ("5", ["seed=5"])):
        pretraining, cells = demo.commands(Path("outputs/demo"), ["seed=3", f"seed={given}"])
        assert not any(word.startswith("seed=") for word in pretraining), "phase 1 has a seed of its own"
        assert list(cells) == shares == [word for words in cells.values() for word in words if word.startswith("seed=")]


def test_help(tmp_path: Path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0 and "without network" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_failing_demo_says_so_and_fails(tmp_path: Path):
    done = run(tmp_path, "pretraining.recipe.max_step=20")
    assert done.returncode == 2
    assert "error: unknown option 'pretraining.recipe.max_step': did you mean pretraining.recipe.max_steps" in done.stderr
    assert done.stderr.endswith("error: the demo failed: a command ended with exit code 2\n")
    assert "Traceback" not in done.stderr and "side by side" not in done.stdout
    assert not (tmp_path / "outputs" / "demo" / "results").exists()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which the small demo ran, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, *SMALL, *SEEDS)


@pytest.mark.slow
def test_the_demo_runs_from_end_to_end(shown: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, done = shown
    assert done.returncode == 0, done.stderr
    assert "no evidence about real languages" in done.stdout.splitlines()[0]
    assert "-m xstilts.pretrain \\\n      -m data=babel " in done.stdout
    for seed in (1, 2):
        assert f"-m xstilts.train \\\n      -m +experiments=demo seed={seed} " in done.stdout
        assert re.search(rf"^seed={seed} \| phase 2: squad_v1\+mlm: training \w+$", done.stderr, re.MULTILINE), done.stderr
    tables = done.stdout.split("side by side")[1]
    for question in ("answering_after_squad", "retrieval_after_squad", "retrieval_after_entailment"):
        assert question in tables.split("\ntatoeba: score")[0]
    for target in ("tatoeba", "xquad"):
        block = tables.split(f"\n{target}: score without intermediate task")[1].split("\n\n")[1].splitlines()
        assert [line.split()[0] for line in block[-5:]] == ["none", "entailment", "squad", "languages", "test"]
        # A few steps teach little: where both sides learnt nothing (§), there is no interval.
        # The last column but one is of languages seen in phase 2, which entailment does not have (-).
        shown = r"[+-]?\d+\.\d(§|§? \[-?\d+\.\d, -?\d+\.\d\])( +-)? +2$"
        assert all(re.search(shown, line) for line in block[-4:-2]), block
    assert "; 95 % intervals." in tables and "`xstilts report outputs/demo`" in tables
    output = folder / "outputs" / "demo"
    cells = {path.name.rsplit(".", 2)[0] for path in (output / "results").glob("*.json")}
    tasks, targets = ("none", "squad_v1+mlm", "lareqa"), ("xquad", "tatoeba")
    assert cells == {f"{task}.{target}.seed{seed}" for task in tasks for target in targets for seed in (1, 2)}
    of_languages = (output / "logs" / "seed=1.txt").read_text(encoding="utf-8")
    assert all(re.search(rf"^ {language} .*\d\.\d", of_languages, re.MULTILINE) for language in LANGUAGES)


@pytest.mark.slow
def test_a_second_demo_reuses_everything(
    shown: tuple[Path, subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    folder, first = shown
    output = folder / "outputs" / "demo"
    kept = [output / name for name in ("store/trained", "store/tokenizers", "store/worlds", "results", "predictions")]
    before = [files(place) for place in kept]
    second = run(folder, *SMALL, *SEEDS)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout
    assert ": training" not in second.stderr and ": evaluating" not in second.stderr and "wave 1:" not in second.stderr
    assert [files(place) for place in kept] == before and all(before)
    monkeypatch.chdir(folder)
    report.main(["outputs/demo", "--table"])
    alone = capsys.readouterr().out
    assert alone in second.stdout and alone.startswith("Answer\n") and "\ntatoeba: score without intermediate task" in alone


@pytest.mark.slow
def test_the_program_text_of_results_md_reads_what_the_demo_made(
    shown: tuple[Path, subprocess.CompletedProcess[str]], repository: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, _ = shown
    monkeypatch.chdir(folder)
    page = (repository / "docs" / "results.md").read_text(encoding="utf-8")
    texts = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(texts) == 3
    said = []
    for text in texts:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, "results.md", "exec"), {})
        said.append(out.getvalue())
    scores, predictions, answer = said
    # 8 languages: 2 metrics of xquad and its calibration, and tatoeba in all but the first; three choices, two seeds
    assert len(scores.splitlines()) == 3 * 2 * (24 + 7)
    assert "['squad_v1', 'mlm'] xquad 1 qaa test f1 " in scores
    assert [line.split()[:3] for line in predictions.splitlines()] == [["qaa", "test", f"test-{n}"] for n in range(3)]
    assert answer.startswith("answer: ")
