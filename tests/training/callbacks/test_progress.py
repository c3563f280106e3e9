"""Bars at a terminal, lines elsewhere."""

import io
import logging
import re

from rich.console import Console

from xstilts.training.callbacks.progress import Lines, PredictionBar, StepBar, shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_where_no_terminal_is(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert type(shown("phase 2: mnli")) is Lines is type(shown("phase 4: xnli", evaluation=True))


def test_a_bar_for_training_and_one_for_evaluation(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert type(shown("phase 2: mnli")) is StepBar
    assert type(shown("phase 4: xnli", evaluation=True)) is PredictionBar


def test_the_bar_tells_steps_and_loss(build, fit):
    bar = StepBar("phase 2: mnli")
    bar.progress.live.console = Console(file=io.StringIO())
    fit(build("classification", steps=5), (bar,))
    (task,) = bar.progress.tasks
    assert (task.description, task.total, task.completed) == ("phase 2: mnli", 5, 5)
    assert task.fields["numbers"].startswith("train/loss/nli ")
    assert not bar.progress.live.is_started


def lines_of(every_s, build, fit, caplog, monkeypatch):
    """Messages of a training of 5 steps; each look at the clock finds it 1 s later."""
    seconds = iter(range(100))
    monkeypatch.setattr("xstilts.training.callbacks.progress.monotonic", lambda: float(next(seconds)))
    with caplog.at_level(logging.INFO, logger="xstilts"):
        fit(build("classification", steps=5), (Lines("phase 2: mnli", every_s),))
    return [message for message in caplog.messages if message.startswith("phase 2: mnli: step")]


def test_lines_tell_steps_time_and_loss_and_have_no_control_codes(build, fit, caplog, monkeypatch):
    lines = lines_of(1.0, build, fit, caplog, monkeypatch)
    assert len(lines) == 5
    assert re.fullmatch(r"phase 2: mnli: step 2 of 5, about 0:00:03 left, train/loss/nli \d+\.\d{3}", lines[1])
    assert "step 5 of 5, about 0:00:00 left" in lines[4]


def test_lines_come_from_time_to_time(build, fit, caplog, monkeypatch):
    lines = lines_of(2.0, build, fit, caplog, monkeypatch)
    assert [line.partition(",")[0] for line in lines] == ["phase 2: mnli: step 2 of 5", "phase 2: mnli: step 4 of 5"]
