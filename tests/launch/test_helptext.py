"""`--help`: the text that Hydra would make of conf/train.yaml, and what can be chosen."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from xstilts import fetch, pretrain, show_plan, train
from xstilts.launch import helptext
from xstilts.launch.arguments import read
from xstilts.paths import experiments_dir


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["-m", "+target=xnli", "--help"]], ids=" ".join)
def test_it_is_asked_for(arguments: list[str]) -> None:
    assert read(arguments).help


@pytest.mark.parametrize("arguments", [[], ["--hydra-help"], ["+target=xnli"], ["--cfg", "job"]], ids=" ".join)
def test_it_is_not_asked_for(arguments: list[str]) -> None:
    assert not read(arguments).help


@pytest.mark.slow
def test_it_is_what_hydra_would_say(tmp_path: Path) -> None:
    program = "import sys\nfrom xstilts import config, train\n"
    program += "config.register(); sys.argv = ['train', '--help']; train.cell()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    # `task/schema` is how Hydra names the type of all tasks, and nothing to choose.
    assert helptext.text(read(["--help"])) == done.stdout.replace("retrieval, schema, siqa", "retrieval, siqa").replace(
        " schema,", ""
    )


def test_ones_own_folder_counts(tmp_path: Path) -> None:
    for group in ("logger", "experiments"):
        (tmp_path / group).mkdir()
        (tmp_path / group / "mine.yaml").write_text("# Mine.\n")
    text = helptext.text(read(["--help", "--config-dir", str(tmp_path)]))
    assert "logger: csv, mine, none, tensorboard, wandb\n" in text
    studies = sorted(["mine", *(path.stem for path in experiments_dir().glob("*.yaml"))])
    assert f"experiments: {', '.join(studies)}\n" in text
    assert helptext.text(read(["--help", "--config-dir", str(tmp_path / "none")])) == helptext.text(read(["--help"]))


@pytest.mark.parametrize("command", [train, show_plan, fetch, pretrain], ids=lambda command: command.__name__)
def test_every_command_says_its_own(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--help", "+target=nothing"])
    shown = capsys.readouterr().out
    names = {train: "Intermediate-task training", show_plan: "xstilts plan: "}
    first = names.get(command, f"python -m {command.__name__}: ")
    assert shown.startswith(first) and "\ntarget: anli, " in shown and "$" not in shown
