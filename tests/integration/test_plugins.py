"""The pages on plug-ins: a package that adds a format with its head, a reader and a metric, installed and used by a command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import AutoModel

from xstilts.errors import UserError
from xstilts.store.results import read_predictions, read_results

PACKAGE = Path(__file__).resolve().parents[1] / "plugin_package"


def blocks(page: str) -> dict[str, str]:
    """Path -> content, of each block whose sentence before it begins with a path between backticks."""
    named = re.compile(r"^`([\w./-]+)`[^\n]*\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return dict(named.findall(page))


@pytest.fixture(scope="module")
def page(repository: Path) -> dict[str, str]:
    return blocks(
        "\n".join((repository / "docs" / name).read_text(encoding="utf-8") for name in ("plugins.md", "plugin_formats.md"))
    )


@pytest.fixture(scope="module")
def place(page: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the user's files, and the package installed in `site`."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copytree(PACKAGE, folder / "package")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", folder / "site", folder / "package"], check=True, timeout=300)
    for name, text in page.items():
        if name.startswith(("my/", "files/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(place / "site")}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment, timeout=500)


@pytest.fixture(scope="module")
def trained(repository: Path, place: Path) -> Path:
    """The command of the page, with its workers in processes of their own; returns the folder of the study."""
    (text,) = re.findall(
        r"xstilts (train --config-dir=my .*?)^```$", (repository / "docs/plugin_formats.md").read_text(), re.DOTALL | re.MULTILINE
    )
    words = text.replace("\\\n", " ").replace("'", "").split()[1:]
    (place / "files" / "mlm").mkdir()
    stars = (place / "files/stars/train-en.txt").read_text().splitlines()
    (place / "files/mlm/en.txt").write_text("".join(line.partition(" * ")[2] + "\n" for line in stars))
    done = run(place, "xstilts.train", *words, "trainer.accelerator=cpu", "trainer.num_threads=1")
    assert done.returncode == 0, done.stderr
    return place / "outputs" / "default"


def test_the_page_shows_the_package_as_it_is(page: dict[str, str]) -> None:
    shown = {name: text for name, text in page.items() if not name.startswith(("my/", "files/"))}
    assert {"pyproject.toml", "xstilts_ratings/metric.py", "xstilts_ratings/reader.py", "xstilts_ratings/rating.py"} <= set(shown)
    for name, text in shown.items():
        assert text == (PACKAGE / name).read_text(encoding="utf-8"), f"docs: {name}"


def test_a_format_of_another_package_is_trained_evaluated_and_exported(trained: Path, place: Path) -> None:
    (path,) = trained.glob("results/*.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    (row,) = result["rows"]
    assert (row["metric"], row["examples"], row["language"]) == ("within_one", 3, "en") and 0 <= row["value"] <= 100
    (predictions,) = trained.glob("predictions/*.parquet")
    assert [one["gold"] for one in read_predictions(predictions)] == [4.5, 1.0, 3.0]
    assert all(isinstance(one["prediction"], float) for one in read_predictions(predictions))
    artifact = place / "store" / "trained" / result["artifacts"][-1]["fingerprint"]
    assert set(load_file(artifact / "heads.safetensors")) >= {"head.stars.out_proj.weight", "head.stars.out_proj.bias"}
    assert AutoModel.from_pretrained(artifact, trust_remote_code=False).config.hidden_size
    assert "`stars` (`rating`)" in (artifact / "README.md").read_text(encoding="utf-8")


def test_without_the_package_its_format_is_unknown(trained: Path, place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xstilts", "plan", "--config-dir=my", "+target=stars", "data.root=files"],
        capture_output=True,
        text=True,
        cwd=place,
        timeout=300,
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "error: unknown target.task.format 'rating': " in done.stderr
    with pytest.raises(UserError, match='is "within_one", a metric of no installed package'):
        read_results(trained / "results")


def test_the_report_has_its_scores(trained: Path, place: Path) -> None:
    done = run(place, "xstilts.report", "outputs/default")
    assert done.returncode == 0 and "stars" in done.stdout, done.stderr
