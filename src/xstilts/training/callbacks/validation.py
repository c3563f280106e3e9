"""The work between two steps of training: validation, the best weights, early stopping, and the checkpoint to resume from.

One callback does all four in a fixed order at the end of a step. So a run that was killed at any moment and resumed from its last
checkpoint passes through the same states as an undisturbed run. (Lightning's own validation loop is not used here: a run resumed
from a checkpoint that was written just before a validation skips that validation.)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device
from safetensors.torch import load_file, save_file

from xstilts.data.batches import EvaluationBatch, EvaluationLoader, OptimizerStep
from xstilts.errors import UserError
from xstilts.paths import BEST_WEIGHTS, LAST_CHECKPOINT
from xstilts.training import distributed
from xstilts.training.module import TaskModule

Output = TypeVar("Output")


class ValidateAndCheckpoint(pl.Callback):
    """Validates every `eval_every` steps and after the last one (0: only then), if `validates`."""

    def __init__(
        self,
        folder: Path,
        validates: bool,
        eval_every: int,
        patience: int,
        keep_best: bool,
        checkpoint_every: int,
        total_steps: int,
    ) -> None:
        self.validates = validates
        self.eval_every = eval_every
        self.patience = patience
        self.keep_best = keep_best
        self.checkpoint_every = checkpoint_every
        self.total_steps = total_steps
        self.best_path = folder / BEST_WEIGHTS
        self.resume_path = folder / LAST_CHECKPOINT
        self.best: float | None = None
        self.best_step = 0
        self.since_best = 0
        self.stopped = False
        self.history: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "best_step", "since_best", "stopped", "history")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning does not restore an early stop; a run that was killed before its artifact was published must not train on.
        trainer.should_stop = self.stopped
        least, most = distributed.largest([-trainer.global_step, trainer.global_step])
        if -least != most:  # a disk that several hosts share may show one of them an older file
            got = f"the processes got different files at {self.resume_path}, of steps {-least} to {most}"
            distributed.stop(UserError(f"{got}, expected one file: run the same command again"))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: OptimizerStep, batch_idx: int) -> None:
        step = trainer.global_step
        last = step == self.total_steps
        if self.validates and (last or (self.eval_every and step % self.eval_every == 0)):
            self._validate(trainer, pl_module, step)
        if not last and (step % self.checkpoint_every == 0 or self.stopped):
            trainer.save_checkpoint(self.resume_path, weights_only=False)  # False: with the optimizer's state

    def restore_best(self, model: TaskModule) -> None:
        """Put the best weights back, if a validation chose any."""
        if self.keep_best and self.best is not None:
            model.load_state_dict(load_file(self.best_path), strict=False)

    def _validate(self, trainer: pl.Trainer, model: TaskModule, step: int) -> None:
        loader = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
        run_in_training(trainer, model, loader, model.validation_step)
        value, metrics = model.validation_score()
        self.history.append({"step": step, "score": value, **metrics})
        model.log_validation(value, metrics)
        if self.best is None or value > self.best:
            self.best, self.best_step, self.since_best = value, step, 0
            if self.keep_best and trainer.is_global_zero:
                save_atomically(model, self.best_path)
        else:
            self.since_best += 1
            if self.patience and self.since_best >= self.patience:
                self.stopped = trainer.should_stop = True


def run_in_training(
    trainer: pl.Trainer, model: TaskModule, loader: EvaluationLoader, step: Callable[[EvaluationBatch], Output]
) -> list[Output]:
    """Apply `step` to this process's batches between two steps of training, without dropout and gradients."""
    model.eval()
    with torch.no_grad(), trainer.precision_plugin.forward_context():
        outputs = [step(move_data_to_device(batch, model.device)) for batch in loader]
    model.train()
    return outputs


def save_atomically(model: TaskModule, path: Path) -> None:
    """Save the model's weights as safetensors; a failure leaves the old file."""
    temporary = path.with_name(f"{path.name}.tmp")
    save_file({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}, temporary)
    temporary.replace(path)
