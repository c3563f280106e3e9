"""The console script: help, a wrong command, and that a command is the module of that name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import __version__, cli


def test_usage_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: xstilts COMMAND ...")
    for name, what in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", shown, re.MULTILINE)


def test_no_command_shows_the_usage_and_fails(capsys):
    assert cli.main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == cli.usage()


def test_wrong_command_names_the_closest(capsys):
    assert cli.main(["trian", "+target=xnli"]) == 2
    told = "error: unknown command 'trian': did you mean train or rank or pretrain? `xstilts --help` says what each does.\n"
    assert capsys.readouterr().err == told


def test_wrong_command_with_nothing_close_lists_all(capsys):
    assert cli.main(["zzz"]) == 2
    assert (
        capsys.readouterr().err
        == f"error: unknown command 'zzz': valid: {', '.join(sorted(cli.COMMANDS))}. `xstilts --help` says what each does.\n"
    )


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"xstilts {__version__}\n"


@pytest.mark.parametrize("how", [["-m", "xstilts"], ["-c", "import sys; from xstilts.cli import main; sys.exit(main())"]])
def test_exit_code_reaches_the_shell(how: list[str], tmp_path: Path):
    done = subprocess.run([sys.executable, *how, "trian"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean train or rank or pretrain?" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_command_runs_as_python_dash_m_would(tmp_path: Path):
    """The module sees itself as `__main__`, its own file and the remaining words as `sys.argv`, and decides the exit code."""
    program = """
import sys, types
from xstilts import cli
cli.COMMANDS["probe"] = "a module made by this test"
sys.exit(cli.main(["probe", "+target=xnli", "seed=2"]))
"""
    package = tmp_path / "extra"
    package.mkdir()
    (package / "probe.py").write_text("import sys\nsys.stdout.write(repr((__name__, __spec__.name, sys.argv)))\nsys.exit(7)\n")
    program = f"import xstilts; xstilts.__path__.append({str(package)!r})\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == repr(("__main__", "xstilts.probe", [str(package / "probe.py"), "+target=xnli", "seed=2"])), done.stderr
    assert done.returncode == 7


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_a_module_that_runs(command: str):
    text = (Path(cli.__file__).parent / f"{cli.MODULES.get(command, command)}.py").read_text(encoding="utf-8")
    assert '\nif __name__ == "__main__":\n' in text


@pytest.mark.slow
def test_help_lists_the_folders_of_conf_and_experiments_as_groups(repository: Path, tmp_path: Path):
    """And nothing else of the checkout, which would take minutes to walk through."""
    done = subprocess.run(
        [sys.executable, "-m", "xstilts.train", "--help"], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    listed = done.stdout.split("Choices:")[1].split("Every value")[0]
    groups = re.findall(r"^(\S+): .+$", listed, re.MULTILINE)
    known = {path.name for path in (repository / "conf").iterdir() if path.is_dir()} | {"experiments"}
    assert {"task", "intermediate", "target"} <= set(groups) <= known
