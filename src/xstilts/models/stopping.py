"""Training that stops politely: SIGTERM and SIGUSR2 end it after a whole step, with a checkpoint to resume from.

Schedulers and people stop a run by a signal, to one process or to all of them at once. Every process of the training only notes
it; at the end of a step all of them agree whether any of them was told, write the one checkpoint together and end.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl

STOPS = (signal.SIGTERM, signal.SIGUSR2)
EXIT_CODE = 128 + signal.SIGTERM
"""As a shell writes the end by SIGTERM."""


class Stopped(SystemExit):
    """Training has ended because of a signal; its checkpoint is written."""

    def __init__(self, number: signal.Signals, first: bool) -> None:
        # Whoever started the processes kills all of them when one fails; only the first process's code says that they stopped.
        super().__init__(EXIT_CODE if first else 0)
        self.number = number


class PoliteStop(pl.Callback):
    """Stops between two steps; comes after the callback that evaluates and keeps the best weights of a step.

    No stop after the last of `total_steps`: what is left to do then is quickly done, and no checkpoint could be resumed from.
    """

    def __init__(self, checkpoint: Path, total_steps: int) -> None:
        self.checkpoint = checkpoint
        self.total_steps = total_steps
        self.told: signal.Signals | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While in the body, the signals are noted and nothing else; only in the main thread, as Python wants it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._note) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.told = signal.Signals(number)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.total_steps:
            return
        if trainer.strategy.reduce_boolean_decision(self.told is not None, all=False):
            trainer.save_checkpoint(self.checkpoint, weights_only=False)  # all processes call it, the first one writes
            raise Stopped(self.told or signal.SIGTERM, trainer.is_global_zero)


def keep_handlers(trainer: pl.Trainer) -> None:
    """Keep Lightning's hands off the signals.

    Its handler of SIGTERM broadcasts from wherever the process happens to be, which locks up all processes if each of them got
    the signal, as SLURM does it; and where it does not, the run ends with exit code 0.
    """
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
