"""Log the speed of training: examples and tokens per second, seconds per step."""

import time
from collections.abc import Iterable
from typing import Any

import pytorch_lightning as pl
import torch

from xstilts.data.batches import OptimizerStep


class Throughput(pl.Callback):
    """Measures the time between two logged steps, and waits for the GPU only then.

    Loading counts as training. The work of other callbacks at the end of a step (validation, checkpoints) does not: `around` puts
    this callback before them and a `_Restart` after them. The first value of a resumed run covers the steps since it resumed.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.seconds = 0.0
        self.running_since: float | None = None
        self.steps, self.examples = 0, 0
        self.tokens: torch.Tensor | int = 0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: OptimizerStep, batch_idx: int) -> None:
        self.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: OptimizerStep, batch_idx: int) -> None:
        self.steps += 1
        if batch.weight:
            self.examples += sum(batch.sizes)
            self.tokens = sum((micro_batch["attention_mask"].sum() for micro_batch in batch.micro_batches), start=self.tokens)
        logged = trainer.global_step % self.every == 0
        tokens = int(self.tokens) if logged else 0  # waits for the GPU, so that the time is that of finished work
        self._pause()
        if not logged or not self.seconds:
            return
        # Every process has the same share of a step, to within one example.
        per_second = trainer.world_size / self.seconds
        values = {
            "throughput/examples_per_second": self.examples * per_second,
            "throughput/tokens_per_second": tokens * per_second,
            "throughput/seconds_per_step": self.seconds / self.steps,
        }
        pl_module.log_dict(values, batch_size=1)
        self.seconds, self.steps, self.examples, self.tokens = 0.0, 0, 0, 0

    def start(self) -> None:
        """Start the clock, unless it runs."""
        if self.running_since is None:
            self.running_since = time.perf_counter()

    def _pause(self) -> None:
        if self.running_since is not None:
            self.seconds += time.perf_counter() - self.running_since
            self.running_since = None


class _Restart(pl.Callback):
    def __init__(self, clock: Throughput) -> None:
        self.clock = clock

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: OptimizerStep, batch_idx: int) -> None:
        self.clock.start()


def around(callbacks: Iterable[pl.Callback], every: int) -> list[pl.Callback]:
    """Put the measurement of throughput around the callbacks; log it `every` so many steps."""
    clock = Throughput(every)
    return [clock, *callbacks, _Restart(clock)]
