"""The pages about tasks and studies of one's own, done word for word in an empty folder: files, and what needs nothing else."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts.reporting.analysis import analyse
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.store.results import read_results

FORMS = ("own_conll.md", "own_questions.md", "own_data.md")
PAGES = ("own_task.md", "own_training.md", *FORMS, "own_source.md", "studies.md")
FOLDER = "--config-dir=my"


def files(page: str) -> dict[str, str]:
    """Path -> content, of each block whose sentence before it begins, or ends, with a path between backticks."""
    named = re.compile(r"`((?:my|files)/[\w./-]+)`[^\n`]*\n\n^```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return dict(named.findall(page))


def commands(page: str, mark: str) -> list[str]:
    """The commands of all bash blocks with this word above them, each on one line."""
    blocks = re.findall(rf"^<!-- {mark}: [^\n]*? -->\n```bash\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@pytest.fixture(scope="module")
def pages(repository: Path) -> dict[str, str]:
    return {name: (repository / "docs" / name).read_text(encoding="utf-8") for name in PAGES}


@pytest.fixture(scope="module")
def place(pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the pages."""
    folder = tmp_path_factory.mktemp("own")
    written = {name: text for page in pages.values() for name, text in files(page).items()}
    assert len(written) == 16
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(lines: list[str], place: Path) -> str:
    """Run the lines in a shell and return what they print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(["set -e", *lines])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=place, env=os.environ | {"PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(pages: dict[str, str], place: Path) -> str:
    """Run the commands of the first two pages that need nothing in a shell; the cell in one process, to save time."""
    typed = [line for page in ("own_task.md", "own_training.md") for line in commands(pages[page], "executed")]
    assert [shlex.split(line)[0] for line in typed] == ["xstilts", "mkdir", "cut", "cut", "xstilts"]
    return run([*typed[:-1], f"{typed[-1]} worker=inline trainer.accelerator=cpu trainer.num_threads=1"], place)


def test_the_check_shows_what_the_page_says(trained: str, pages: dict[str, str]) -> None:
    (shown,) = re.findall(
        r"^```text\n(task reviews.*?)\.\.\.\n(no problem\n)```$", pages["own_task.md"], re.DOTALL | re.MULTILINE
    )
    first, _ = trained.split("\nno problem\n")
    assert first.startswith(shown[0]) and shown[1] == "no problem\n"


def test_the_files_of_each_form_are_read(place: Path, pages: dict[str, str]) -> None:
    typed = [line for page in FORMS for line in commands(pages[page], "executed")]
    assert [shlex.split(line)[0] for line in typed] == ["mkdir", *["printf"] * 4, *["xstilts"] * 4]
    names, asked, senti, nli, rest = run(typed, place).split("\nno problem\n")
    assert re.search(r"^train +hau +2  O 66.7%, B-PER 22.2%, B-LOC 11.1%$", names, re.MULTILINE)
    assert re.search(r"^test +sw +2  answers 50.0%, no answers 50.0%$", asked, re.MULTILINE)
    assert re.search(r"^test +ha +3  positive 66.7%, negative 33.3%$", senti, re.MULTILINE)
    assert "id: 1 | text_a: Ina son wannan, sosai | label: positive" in senti
    assert re.search(r"^test +sw +3  neutral 50.0%, contradiction 50.0%, no label: 1 example$", nli, re.MULTILINE)
    assert not rest


def test_the_cell_has_scores_in_both_languages(trained: str, place: Path) -> None:
    assert re.search(r"^none -> reviews, seed 1$", trained, re.MULTILINE), trained
    (result,) = read_results(place / "outputs" / "default" / "results")
    told = {(row["language"], row["split"], row["metric"]): row["examples"] for row in result["rows"]}
    assert told == {(language, "test", metric): 2 for language in ("en", "de") for metric in ("accuracy", "ece")}
    assert [artifact["label"] for artifact in result["artifacts"]] == ["phase 1: tokenizer", "phase 3: reviews"]
    assert result["config"]["target"]["recipe"]["epochs"] == 5


def test_the_report_takes_a_task_that_the_package_does_not_know(trained: str, place: Path) -> None:
    found = analyse(place / "outputs" / "default")
    assert set(found.scores["target"]) == {"reviews"} and set(found.scores["language"]) == {"en", "de"}


def test_every_command_with_the_folder_composes(
    pages: dict[str, str], place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first cell, as `train --cfg job` shows it."""
    import yaml

    from xstilts import train

    monkeypatch.setattr(sys, "argv", sys.argv)  # put back afterwards
    monkeypatch.chdir(place)
    lines = [line for page in pages.values() for mark in ("needs", "executed") for line in commands(page, mark)]
    seen, known = [], {}
    for words in (shlex.split(line) for line in lines):
        if FOLDER not in words:
            continue
        first = [word.split(",")[0] if word.startswith("+") else word for word in words[2:] if word != "-m"]
        kept = [word for word in first if not word.startswith(("seed=", "hydra/"))]
        if any(word.startswith("+experiments=") for word in kept):
            kept.append("+target=xnli")
        if tuple(kept) not in known:
            train.main([*kept, "--cfg", "job"])
            known[tuple(kept)] = yaml.safe_load(capsys.readouterr().out)
        composed = known[tuple(kept)]
        seen.append((words[1], composed["study"], composed["target"]["task"]["name"], *composed["intermediate"]["tasks"]))
    assert ("train", "default", "reviews") in seen and ("train", "default", "xnli", "reviews") in seen
    assert {name for name, *_ in seen} == {"train", "plan", "fetch"}
    assert {study for _, study, *_ in seen} == {"default", "same_format", "same_format_babel"}


def test_of_two_tasks_with_one_name_the_packages_is_read(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xstilts import train

    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "xnli.yaml").write_text((place / "my/task/reviews.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", sys.argv)
    train.main([f"--config-dir={tmp_path}", "+target=xnli", "--cfg", "job"])
    assert "name: xnli" in capsys.readouterr().out


def test_the_study_of_ones_own_is_planned(pages: dict[str, str], place: Path) -> None:
    (line,) = commands(pages["studies.md"], "executed")
    words = shlex.split(line)
    assert words[:2] == ["xstilts", "plan"]
    ran = subprocess.run(
        [sys.executable, "-m", "xstilts", "plan", *words[2:]], cwd=place, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert "18 cells; " in ran.stdout and "phase 2: snli" in ran.stdout and "phase 3: squad_v1" in ran.stdout


# A row of each format, with the fields that the table of own_source.md names.
ROWS = {
    "classification": {"text_a": "a", "text_b": "b", "label": "x", "genre": "c"},
    "multiple_choice": {"prompt": "a", "context": "a", "choices": ["b", "c"], "label": 1},
    "tagging": {"words": ["a", "b"], "tags": ["x", "x"]},
    "span_qa": {"question": "a?", "context": "a b", "answers": [{"text": "b", "start": 2}]},
    "retrieval": {"id": "1", "side": "query", "text": "a", "context": "b", "relevant": []},
    "mlm": {"text": "a", "translation": "b"},
}


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_formats_names_the_fields_that_the_default_reader_takes(
    name: str, pages: dict[str, str], tmp_path: Path
) -> None:
    from xstilts import metrics
    from xstilts.config import DataConfig
    from xstilts.tasks.declaration import Source, Task
    from xstilts.tasks.formats import format_named

    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|(.*)\|(.*)\|$", pages["own_source.md"], re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row[0])) - {"query", "candidate"}
    assert named | {"id", "language"} == set(format_named(name).features) == set(ROWS[name]) | {"id", "language"}
    assert set(re.findall(r"`(\w+)`", row[2])) <= set(metrics.metric_names())
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS[name]) + "\n", encoding="utf-8")
    task = Task(name="mine", format=name, labels=["x"], sources={"xtreme": Source(files={"test": "rows.jsonl"})})
    (read,) = load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"])
    assert {field: read[field] for field in ROWS[name]} == ROWS[name]
