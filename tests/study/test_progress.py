"""Lines about the running jobs of a sweep, at a terminal and elsewhere, from the logs of their workers."""

import io
import logging
import os
import re
import sys
import time
from pathlib import Path

import pytest

from xstilts.cell.phases import Phase
from xstilts.config import Config
from xstilts.jobs import TrainingJob
from xstilts.paths import ArtifactPaths
from xstilts.study import grid, progress
from xstilts.study.grid import Unit

STEP = "phase 2: mnli: step 1,000 of 4,000, about 0:03:00 left, train/loss/nli 0.693"


def unit(folder: Path, key: str, worker: str = "process") -> Unit:
    """A training of `phase 2: mnli` that is to be done."""
    phase = Phase(TrainingJob(label="phase 2: mnli"), ArtifactPaths(folder / "store", "trained", key))
    config = Config(output=str(folder / "out"), worker=worker)
    return Unit(key, phase.job.label, (), (), lambda: (folder / key).exists(), config, phase)


def says(one: Unit, *lines: str) -> None:
    """The worker of the unit adds lines to its log."""
    path = progress.log_of(one)
    assert path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> progress.Progress:
    """Four units of equal cost, begun 100 s ago."""
    begun = time.time() - 100
    monkeypatch.setattr(progress.time, "time", lambda: begun)
    units = [unit(tmp_path, key * 8) for key in "abcd"]
    found = progress.Progress([units[:2], units[2:]], lambda _: 5.0)
    monkeypatch.setattr(progress.time, "time", lambda: begun + 100)
    return found


def test_a_line_for_each_running_job_and_one_for_all(watched: progress.Progress, tmp_path: Path):
    first, second, third, _ = watched.units
    assert watched.lines() == ["0 of 4 jobs ended, 0 running"]
    says(second, "phase 2: mnli: training bbbbbbbb")
    assert watched.lines() == ["phase 2: mnli bbbbbbbb: begun", "0 of 4 jobs ended, 1 running"]
    says(second, STEP, "a warning")
    (tmp_path / first.key).touch()
    line, summary = watched.lines()
    assert line == "phase 2: mnli bbbbbbbb: step 1,000 of 4,000, about 0:03:00 left, train/loss/nli 0.693"
    # 1.25 of 4 jobs took 100 s.
    assert summary == "1 of 4 jobs ended, 1 running, about 0:03:40 left"
    third.state = grid.FAILED
    assert watched.lines()[-1] == "2 of 4 jobs ended, 1 running, about 0:01:18 left"


def test_jobs_that_were_refused_or_belong_to_an_earlier_sweep_do_not_run(watched: progress.Progress):
    first, second, *_ = watched.units
    says(first, STEP, "error: mnli/train.tsv: no such file")
    says(second, STEP)
    path = progress.log_of(second)
    assert path
    os.utime(path, (watched.began - 60, watched.began - 60))
    assert watched.lines() == ["0 of 4 jobs ended, 0 running"]


def test_what_is_to_be_made_again_counts_when_its_state_says_so(tmp_path: Path):
    one = unit(tmp_path, "aaaaaaaa")
    (tmp_path / one.key).touch()
    watched = progress.Progress([[one]], lambda _: None)
    assert watched.lines() == ["0 of 1 job ended, 0 running"]
    one.state = grid.DONE
    assert watched.lines() == ["1 of 1 job ended, 0 running, about 0:00:00 left"]


def wait_for(done: "re.Pattern[str]", text: "io.StringIO | pytest.LogCaptureFixture") -> str:
    for _ in range(500):
        said = text.getvalue() if isinstance(text, io.StringIO) else "\n".join(text.messages)
        if done.search(said):
            return said
        time.sleep(0.02)
    pytest.fail(f"got {said!r}")


def test_without_a_terminal_what_is_new_is_said_once(
    watched: progress.Progress, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    says(watched.units[0], STEP)
    with caplog.at_level(logging.INFO, logger="xstilts"), progress.shown(watched):
        wait_for(re.compile("1 running"), caplog)
        says(watched.units[0], STEP.replace("1,000", "2,000"))
        wait_for(re.compile("step 2,000.*\n.*1 running"), caplog)
        time.sleep(0.1)
    of_jobs = [message for message in caplog.messages if "step " in message]  # estimates change with time
    assert len(of_jobs) == len(set(of_jobs)) == 2 and "\x1b" not in "".join(caplog.messages)


def test_at_a_terminal_lines_are_rewritten_below_messages(watched: progress.Progress, monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "LOOK_S", 0.01)
    says(watched.units[0], STEP)
    with progress.shown(watched):
        wait_for(re.compile("step 1,000 of 4,000"), terminal)
        sys.stderr.write("job 3 ends\n")
        wait_for(re.compile("job 3 ends.*step 1,000 of 4,000", re.DOTALL), terminal)
    assert sys.stderr is terminal
    assert "\x1b[1A" in terminal.getvalue(), "the lines are taken away"


def test_jobs_without_logs_have_no_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "_show", lambda *_: pytest.fail("started"))
    with progress.shown(progress.Progress([[unit(tmp_path, "aaaaaaaa", worker="inline")]], lambda _: None)):
        pass


def test_the_next_step_can_be_typed():
    assert progress.next_step("outputs/my study").startswith("next: `xstilts report 'outputs/my study'` ")
