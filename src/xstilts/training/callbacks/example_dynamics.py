"""Recording training dynamics: after every epoch the model is asked for the probability of each training example's label."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from xstilts.data.batches import OptimizerStep, TaskFeatures
from xstilts.training.callbacks.validation import evaluate, gathered
from xstilts.training.module import Outputs


class Dynamics(pl.Callback):
    """Evaluates the features of the one task that is trained, which must be what the data module evaluates, at each epoch's end.

    The end of training counts as that of an epoch. A checkpoint holds all epochs before it, if what writes it comes after this.
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
            self.epochs.append(gold_probabilities(gathered(trainer, evaluate(trainer, pl_module)), self.labels))


def gold_probabilities(outputs: Iterable[Outputs], labels: np.ndarray) -> np.ndarray:
    """Of each feature the softmax of its `logits` at its label, float64 (features,); every feature must have been evaluated."""
    found = np.full(len(labels), np.nan)
    for _, rows, values in outputs:
        for row, value in zip(rows, values, strict=True):
            logits = value["logits"].astype(np.float64)
            powers = np.exp(logits - logits.max())
            found[row] = powers[labels[row]] / powers.sum()
    if missing := int(np.isnan(found).sum()):
        raise RuntimeError(f"{missing} of {len(found)} training features have no probability")
    return found
