"""Bars at a terminal, silence elsewhere."""

import io

from rich.console import Console

from xstilts.training.callbacks.progress import PredictionBar, StepBar, bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_no_bar_where_nobody_watches(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert bars("phase 2: mnli") == [] == bars("phase 4: xnli", evaluation=True)


def test_a_bar_for_training_and_one_for_evaluation(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert [type(bar) for bar in bars("phase 2: mnli")] == [StepBar]
    assert [type(bar) for bar in bars("phase 4: xnli", evaluation=True)] == [PredictionBar]


def test_the_bar_tells_steps_and_loss(build, fit):
    bar = StepBar("phase 2: mnli")
    bar.progress.live.console = Console(file=io.StringIO())
    fit(build("classification", steps=5), (bar,))
    (task,) = bar.progress.tasks
    assert (task.description, task.total, task.completed) == ("phase 2: mnli", 5, 5)
    assert task.fields["numbers"].startswith("train/loss/nli ")
    assert not bar.progress.live.is_started
