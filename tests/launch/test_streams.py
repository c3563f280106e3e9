"""Output that cannot be written, in every way that a shell offers: the program does its work and ends as if it could."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, sys
from xstilts.launch.entry import entry_point
with entry_point():
    logging.basicConfig(stream=sys.stderr, level="INFO")
    sys.stdout.write("─ größer 中文 \\udc80\\n" + 5000 * "line\\n")
    print("more")
    logging.info("─ größer 中文")
    with open(sys.argv[1], "w") as result:
        result.write("done")
    sys.exit(7)
"""


def run(folder: Path, redirection: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    (folder / "program.py").write_text(PROGRAM)
    words = f"{sys.executable} program.py result {redirection}"
    given = {"PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error", **environment}
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", words], cwd=folder, env=given, capture_output=True, timeout=60)
    assert (folder / "result").read_text() == "done", ended.stderr
    return ended


REDIRECTIONS = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", "&>/dev/full", "| true")
SHOWN = {"latin-1": "? größer ?? ?", "ascii": "? gr??er ?? ?", "utf-8": "─ größer 中文 ?"}


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_streams_that_take_nothing(redirection: str, tmp_path: Path) -> None:
    ended = run(tmp_path, redirection)
    assert ended.returncode == 7 and b"Traceback" not in ended.stderr and b"Exception" not in ended.stderr, ended.stderr


@pytest.mark.parametrize(("encoding", "shown"), SHOWN.items())
def test_characters_that_the_encoding_lacks_are_replaced(encoding: str, shown: str, tmp_path: Path) -> None:
    ended = run(tmp_path, "", PYTHONIOENCODING=encoding)
    assert ended.returncode == 7 and ended.stdout.decode(encoding).split("\n")[0] == shown
    assert ended.stdout.decode(encoding).splitlines()[-1] == "more" and b"Traceback" not in ended.stderr


def test_all_of_it_is_written_where_it_can_be(tmp_path: Path) -> None:
    assert run(tmp_path, "", PYTHONUTF8="1").stdout.count(b"\n") == 5002


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && {sys.executable} -m xstilts report x"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and ended.stderr.splitlines() == [
        "error: the current folder does not exist any more: change to another one and type the command again"
    ]
