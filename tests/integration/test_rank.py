"""`xstilts rank` as a user types it, and the commands of its page."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts import rank
from xstilts.errors import UserError
from xstilts.ranking import halving


@pytest.fixture
def ranked(in_this_process: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Run the command in this process; returns standard output and standard error."""

    def run(*words: str) -> tuple[str, str]:
        with in_this_process():
            rank.main(list(words))
        return capsys.readouterr()

    return run


def test_two_rungs_all_scores_and_a_second_run_that_trains_nothing(ranked: Any, toy_world: Any, tmp_path: Path) -> None:
    places = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "logger=none", "worker=inline")
    grid = ("+target=pawsx", "+intermediate=none,snli,squad_v1")
    words = ("--steps=1,2", "--keep=0.9", "--examples=20", *toy_world.options, *places, *grid)
    out, err = ranked(*words)
    assert re.findall(r"rung (\d) of 2, (\d) steps? of each phase: (.*)", err) == [
        ("1", "1", "none, snli, squad_v1"),
        ("2", "2", "none, snli, squad_v1"),
    ]
    assert len(re.findall(r": training [0-9a-f]{20}$", err, re.MULTILINE)) == 10
    rows = re.findall(r"^ [123] +(\w+) +2 +([\d.]+) +([-\d.]+) +([\d.]+)(?: +([\d.]+) +([\d.]+))? *$", out, re.MULTILINE)
    assert {row[0] for row in rows} == {"none", "snli", "squad_v1"}, out
    assert [row[0] for row in rows if not row[4]] == ["none"], "which has no texts"
    assert "a single seed gives no interval" in out
    share = re.search(r"cost: ([\d.]+) % of the FLOP of the full grid", out)
    assert share and float(share[1]) > 0
    assert not (tmp_path / "out" / "results").exists(), "nothing is evaluated"

    again, err = ranked(*words)
    assert ": training " not in err
    assert again.partition("cost:")[0] == out.partition("cost:")[0]


COMMANDS = [
    shlex.split(line)
    for line in re.findall(
        r"^xstilts rank (.*)$",
        (Path(__file__).resolve().parents[2] / "docs" / "rank.md").read_text(encoding="utf-8").replace("\\\n", " "),
        re.MULTILINE,
    )
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_plans(words: list[str], tmp_path: Path) -> None:
    given, rest = rank.read(words)
    assert rest or given.against
    if "data=babel" in rest:
        full = halving.planned([*rest, f"store.root={tmp_path}", f"output={tmp_path}/out"])
        assert len(full) > 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--steps=4,2"], "--steps: got '4,2', expected growing whole numbers such as 20,40,80"),
        (["--keep=2"], "--keep: got '2', expected a share between 0 and 1"),
        (["--by=leep"], "unknown method in --by 'leep': valid: halving, logme, text."),
        (["--examples=x"], "--examples: got 'x', expected a whole number from 10 on"),
    ],
)
def test_a_wrong_value_is_one_line(words: list[str], told: str) -> None:
    with pytest.raises(UserError) as error:
        rank.read(words)
    assert str(error.value).rstrip() == told
