"""Progress bars at a terminal; nothing elsewhere."""

import sys
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


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
        shown = {
            name: float(value) for name, value in trainer.callback_metrics.items() if "loss" in name or name.endswith("score")
        }
        numbers = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
        self.progress.update(self.bar, completed=trainer.global_step, numbers=numbers)

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


def bars(label: str, evaluation: bool = False) -> list[pl.Callback]:
    """The bar of a training phase or of an evaluation, if stderr is a terminal."""
    if not sys.stderr.isatty():
        return []
    return [PredictionBar(label) if evaluation else StepBar(label)]
