"""Stop a training at a signal: after a complete step, with a checkpoint to resume from.

Schedulers and people send a signal to one process or to all. Each process only records it. At the end of a step the processes
agree whether any of them received a signal; if so, they write a checkpoint together and exit.
"""

import contextlib
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from xstilts import signals
from xstilts.training import distributed


class GracefulStop(pl.Callback):
    """Stops between two steps. Must follow ValidateAndCheckpoint in the list of callbacks.

    It does not stop after the last of `total_steps`: the rest takes little time, and no training is left to resume.
    """

    def __init__(self, checkpoint: Path, total_steps: int) -> None:
        self.checkpoint = checkpoint
        self.total_steps = total_steps
        self.received: signal.Signals | None = None

    def listening(self) -> contextlib.AbstractContextManager[None]:
        """In the body, only record stop signals; does nothing outside the main thread."""
        return signals.handled(self._note)

    def _note(self, number: signal.Signals) -> None:
        self.received = number

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.total_steps:
            return
        if number := distributed.largest([int(self.received or 0)])[0]:
            trainer.save_checkpoint(self.checkpoint, weights_only=False)  # all processes call it, the first writes
            stopped = signals.Stopped(number)
            if not trainer.is_global_zero:
                stopped.code = 0  # Lightning kills all processes when one fails
            raise stopped


def keep_handlers(trainer: pl.Trainer) -> None:
    """Prevent Lightning from installing signal handlers.

    Its handler of SIGTERM broadcasts from wherever the process happens to be, which locks up all processes if each of them got
    the signal, as SLURM does it; and where it does not, the run ends with exit code 0. No option switches it off, and no hook
    follows its installation closely enough: https://github.com/Lightning-AI/pytorch-lightning/issues/20806
    """
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
