"""Record training dynamics: after every epoch, the model's probability of each training example's label."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from xstilts.data.batches import OptimizerStep, TaskFeatures
from xstilts.numbering import counted
from xstilts.training import distributed
from xstilts.training.callbacks.validation import run_in_training
from xstilts.training.vectors import Outputs


class Dynamics(pl.Callback):
    """Evaluates the training features of a task at the end of each of its epochs, and at the end of the training.

    A checkpoint holds all epochs before it if the callback that writes it comes after this one.
    """

    def __init__(self, training: TaskFeatures, batch_size: int, total_steps: int) -> None:
        self.training = training
        self.labels = np.asarray(training.features["label"][:])
        self.per_epoch = math.ceil(len(self.labels) / batch_size)
        self.total_steps = total_steps
        self.epochs: list[np.ndarray] = []
        """For each epoch the probabilities, float64, in the order of the features."""

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": [torch.from_numpy(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = [epoch.numpy() for epoch in state_dict["epochs"]]

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: OptimizerStep, batch_idx: int) -> None:
        step = trainer.global_step
        if step % self.per_epoch == 0 or step == self.total_steps:
            loader = trainer.datamodule.evaluation_loader(self.training)  # type: ignore[attr-defined]
            outputs = distributed.gathered_objects(run_in_training(trainer, pl_module, loader, pl_module.predict_step))
            self.epochs.append(gold_probabilities(outputs, self.labels))


def gold_probabilities(outputs: Iterable[Outputs], labels: np.ndarray) -> np.ndarray:
    """Return each feature's softmax of `logits` at its label, float64 (features,); RuntimeError if one was not evaluated."""
    found = np.full(len(labels), np.nan)
    for _, rows, values in outputs:
        for row, value in zip(rows, values, strict=True):
            logits = value["logits"].astype(np.float64)
            powers = np.exp(logits - logits.max())
            found[row] = powers[labels[row]] / powers.sum()
    if missing := int(np.isnan(found).sum()):
        raise RuntimeError(f"no probability for {missing} of {counted(len(found), 'training feature')}")
    return found
