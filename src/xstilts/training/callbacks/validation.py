"""What happens between two steps of training: evaluation on the selection examples, the best weights, early stopping, and the
checkpoint to resume from.

One callback does all four in one fixed order at the end of a step, so that a run killed at any moment and resumed from its last
checkpoint passes through the same states as an undisturbed one. (Lightning's own validation loop is not used: a checkpoint
written just before it makes a resumed run skip that validation.)
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device
from safetensors.torch import load_file, save_file

from xstilts.data.batches import OptimizerStep
from xstilts.paths import BEST_WEIGHTS, LAST_CHECKPOINT
from xstilts.training.module import Outputs, TaskModule

Score = Callable[[list[Outputs]], tuple[float, dict[str, float]]]


class ValidateAndCheckpoint(pl.Callback):
    """Evaluates with `score` every `eval_every` steps (0: at the end only, and only if `best` is wanted)."""

    def __init__(
        self,
        folder: Path,
        score: Score | None,
        eval_every: int,
        patience: int,
        keep_best: bool,
        checkpoint_every: int,
        total_steps: int,
    ) -> None:
        self.score = score
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
        # Lightning forgets that a run had stopped early; one that was killed before its artifact was published must not train on.
        trainer.should_stop = self.stopped

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: OptimizerStep, batch_idx: int) -> None:
        step = trainer.global_step
        last = step == self.total_steps
        if self.score is not None and (last or (self.eval_every and step % self.eval_every == 0)):
            self._evaluate(trainer, pl_module, step)
        if not last and (step % self.checkpoint_every == 0 or self.stopped):
            trainer.save_checkpoint(self.resume_path, weights_only=False)  # False: with the optimizer's state

    def restore_best(self, model: TaskModule) -> None:
        """Put the best weights back, if an evaluation chose any."""
        if self.keep_best and self.best is not None:
            model.load_state_dict(load_file(self.best_path), strict=False)

    def _evaluate(self, trainer: pl.Trainer, model: TaskModule, step: int) -> None:
        assert self.score is not None
        value, metrics = self.score(gathered(trainer, evaluate(trainer, model)))
        self.history.append({"step": step, "score": value, **metrics})
        model.log_dict(
            {"validation/score": value, **{f"validation/{name}": number for name, number in metrics.items()}}, batch_size=1
        )
        if self.best is None or value > self.best:
            self.best, self.best_step, self.since_best = value, step, 0
            if self.keep_best and trainer.is_global_zero:
                save_atomically(model, self.best_path)
        else:
            self.since_best += 1
            if self.patience and self.since_best >= self.patience:
                self.stopped = trainer.should_stop = True


def evaluate(trainer: pl.Trainer, model: TaskModule) -> list[Outputs]:
    """The outputs of this process's share of the evaluation features, computed in the middle of training."""
    loader = trainer.datamodule.predict_dataloader()  # type: ignore[attr-defined]
    model.eval()
    with torch.no_grad(), trainer.precision_plugin.forward_context():
        outputs = [model.predict_step(move_data_to_device(batch, model.device)) for batch in loader]
    model.train()
    return outputs


def gathered(trainer: pl.Trainer, outputs: list[Outputs]) -> list[Outputs]:
    """The outputs of all processes."""
    if trainer.world_size == 1:
        return outputs
    parts: list[list[Outputs]] = [[] for _ in range(trainer.world_size)]
    torch.distributed.all_gather_object(parts, outputs)
    return [output for part in parts for output in part]


def save_atomically(model: TaskModule, path: Path) -> None:
    """The model's weights as safetensors; the file is complete or the old one."""
    temporary = path.with_name(f"{path.name}.tmp")
    save_file({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}, temporary)
    os.replace(temporary, path)
