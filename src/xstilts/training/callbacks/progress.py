"""Progress of a phase: a bar at a terminal; elsewhere, as in the log of a sweep's job, a line from time to time."""

import datetime
import logging
import sys
from time import monotonic
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY_S = 30.0
"""Between two lines, in seconds."""

log = logging.getLogger("xstilts")


class StepBar(pl.Callback):
    """Show in one line the phase, optimizer steps, time left, the last loss and the last validation score."""

    def __init__(self, label: str) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, TextColumn("{task.fields[numbers]}"), transient=True)
        self.label = label
        self.bar = self.progress.add_task(label, total=None, numbers="")

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self.progress.update(self.bar, total=pl_module.total_steps, completed=trainer.global_step)
            self.progress.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.progress.update(self.bar, completed=trainer.global_step, numbers="  ".join(_numbers(trainer)))

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        self.progress.stop()


class PredictionBar(pl.Callback):
    """Show in one line the phase and the number of evaluated batches."""

    def __init__(self, label: str) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True
        )
        self.bar = self.progress.add_task(label, total=None)

    def on_predict_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self.progress.update(self.bar, total=sum(trainer.num_predict_batches))
            self.progress.start()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.progress.advance(self.bar)

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        self.progress.stop()


class Lines(pl.Callback):
    """Log the phase, steps (in an evaluation batches), time left, the last loss and validation score, every `every_s` seconds."""

    def __init__(self, label: str, every_s: float = EVERY_S) -> None:
        self.label, self.every_s = label, every_s
        self.total = self.first = self.done = 0
        self.began = self.last = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._begin(trainer.global_step, pl_module.total_steps)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._advance(trainer, trainer.global_step, "step")

    def on_predict_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self._begin(0, int(sum(trainer.num_predict_batches)))

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._advance(trainer, self.done + 1, "batch")

    def _begin(self, done: int, total: int) -> None:
        self.first, self.done, self.total = done, done, total
        self.began = self.last = monotonic()

    def _advance(self, trainer: pl.Trainer, done: int, unit: str) -> None:
        self.done, now = done, monotonic()
        if now - self.last < self.every_s or not trainer.is_global_zero:
            return
        self.last = now
        left_s = (now - self.began) / (done - self.first) * (self.total - done)
        left = f"about {datetime.timedelta(seconds=round(left_s))} left"
        log.info(", ".join([f"{self.label}: {unit} {done:,} of {self.total:,}", left, *_numbers(trainer)]))


def _numbers(trainer: pl.Trainer) -> list[str]:
    """The last losses and scores, each with its name."""
    shown = {name: float(value) for name, value in trainer.callback_metrics.items() if "loss" in name or name.endswith("score")}
    return [f"{name} {value:.3f}" for name, value in shown.items()]


def shown(label: str, evaluation: bool = False) -> pl.Callback:
    """The bar of a training phase or of an evaluation if stderr is a terminal, else its lines."""
    if not sys.stderr.isatty():
        return Lines(label)
    return PredictionBar(label) if evaluation else StepBar(label)
