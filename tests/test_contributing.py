"""Follow CONTRIBUTING.md on adding a task word for word: its YAML, its data, its command."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def guide(repository: Path) -> str:
    return (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def checkout(guide: str, repository: Path, tmp_path: Path) -> Path:
    """A copy of the checkout with the file of the guide."""
    names = re.findall(r"`(conf/\w+/my_nli\.yaml)`", guide)
    texts = re.findall(r"^```yaml\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)[:1]  # tests/tasks/test_new_task.py has the rest
    assert names == ["conf/task/my_nli.yaml"] and len(texts) == 1
    copy = tmp_path / "checkout"
    for folder in ("src", "conf", "experiments"):
        shutil.copytree(repository / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", copy)
    for name, text in zip(names, texts, strict=True):
        assert not (copy / name).exists()
        (copy / name).write_text(text, encoding="utf-8")
    return copy


@pytest.fixture
def root(guide: str, tmp_path: Path) -> Path:
    """A data folder with the rows of the guide."""
    rows = [line.strip() for line in guide.splitlines() if line.count("\t") == 2]
    assert len(rows) == 3
    folder = tmp_path / "my_nli"
    folder.mkdir()
    for name in ("train-en", "dev-en", "test-sw", "test-th"):
        (folder / f"{name}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def run(root: Path, checkout: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-m", "xstilts.train", *words, "worker=inline"]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment, timeout=300)


@pytest.mark.slow
def test_the_command_of_the_guide_trains_and_evaluates(guide: str, checkout: Path, root: Path, shared_data: Path):
    (line,) = re.findall(r"^xstilts train (.*model=tiny.*)$", guide, re.MULTILINE)
    words = shlex.split(line.replace("TOKENIZER", str(shared_data / "tokenizers" / "multilingual16k")))
    done = run(root, checkout, [*words, "+intermediate=my_nli", "intermediate.recipe.max_steps=2"])
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ *sw +(0|50|100)\.0", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^ *th +(0|50|100)\.0", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.slow
def test_a_wrong_label_is_told_with_file_and_line(checkout: Path, root: Path, shared_data: Path):
    with (root / "my_nli" / "train-en.tsv").open("a", encoding="utf-8") as file:
        file.write("A bird sings.\tA bird is loud.\tmaybe\n")
    tokenizer = shared_data / "tokenizers" / "multilingual16k"
    done = run(
        root,
        checkout,
        [*"+target=my_nli data=xtreme data.root=. model=tiny target.recipe.max_steps=3".split(), f"model.tokenizer={tokenizer}"],
    )
    assert done.returncode == 2
    assert "train-en.tsv:4: unknown label 'maybe', expected one of no, yes" in done.stderr
    assert "Traceback" not in done.stderr
