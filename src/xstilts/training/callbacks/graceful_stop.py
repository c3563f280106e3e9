"""Training that stops at a signal: after a whole step, with a checkpoint to resume from.

Schedulers and people stop a run by a signal, to one process or to all of them at once. Every process of the training only notes
it; at the end of a step all of them agree whether any of them got one, write the one checkpoint together and end.
"""

import contextlib
import signal
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from xstilts import signals
from xstilts.training import distributed


class GracefulStop(pl.Callback):
    """Stops between two steps; comes after the callback that evaluates and keeps the best weights of a step.

    No stop after the last of `total_steps`: what is left to do then is quickly done, and no checkpoint could be resumed from.
    """

    def __init__(self, checkpoint: Path, total_steps: int) -> None:
        self.checkpoint = checkpoint
        self.total_steps = total_steps
        self.received: signal.Signals | None = None

    def listening(self) -> contextlib.AbstractContextManager[None]:
        """While in the body, stop signals are noted and do nothing else; only in the main thread."""
        return signals.handled(self._note)

    def _note(self, number: signal.Signals) -> None:
        self.received = number

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.total_steps:
            return
        if number := distributed.largest([int(self.received or 0)])[0]:
            trainer.save_checkpoint(self.checkpoint, weights_only=False)  # all processes call it, the first one writes
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
