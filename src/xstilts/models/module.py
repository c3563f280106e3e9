"""The one LightningModule of all tasks: an encoder, the heads of one phase, and how a step trains them.

A step is the recipe's batch, cut into micro-batches; its gradient is that of the whole batch, whatever the cut and the number
of processes: the loss is a sum over items divided by the items of the whole step.
"""

import hashlib
from contextlib import nullcontext
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from xstilts.config import Hyperparameters
from xstilts.data.batches import EvaluationBatch, Step
from xstilts.models import optimisation
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Head, Rows

Outputs = tuple[str, list[int], Rows]


class TaskModel(pl.LightningModule):
    """Trains and applies `heads` (by head name) on top of `encoder`."""

    def __init__(
        self, encoder: Encoder, heads: dict[str, nn.Module], hyperparameters: Hyperparameters, seed: int, total_steps: int = 0
    ):
        super().__init__()
        self.automatic_optimization = False
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.total_steps = total_steps
        self.mean_loss = MeanMetric()
        self.mean_loss.persistent(True)  # a resumed run ends with the mean over all its steps

    def head(self, name: str) -> Head:
        """The head called `name`."""
        return cast(Head, self.heads[name])

    def configure_optimizers(self) -> Any:
        adam = optimisation.optimizer(self, self.hyperparameters)
        return {"optimizer": adam, "lr_scheduler": optimisation.schedule(adam, self.hyperparameters, self.total_steps)}

    def on_train_batch_start(self, batch: Step, batch_idx: int) -> None:
        # Dropout depends on the step alone, so that a run resumed in mid-epoch draws what an undisturbed run draws.
        seed = derived_seed("dropout", self.seed, self.global_step, self.global_rank)
        # In a process without a GPU torch.manual_seed keeps a traceback of every call, for the GPU that may yet come.
        (torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed)(seed)

    def training_step(self, step: Step, batch_idx: int) -> None:
        head = self.head(step.head)
        items = self._all_items(sum(head.items(batch) for batch in step.micro_batches) * step.weight)
        adam, schedule = self.optimizers(), self.lr_schedulers()
        assert not isinstance(adam, list) and not isinstance(schedule, list) and schedule is not None
        total = torch.zeros((), device=self.device)
        for number, batch in enumerate(step.micro_batches):
            with self._gradients_of_this_process_only(number + 1 < len(step.micro_batches)):
                # DDP averages gradients over processes; multiplying by their number gives the sum.
                loss = head.loss_sum(self.encoder, batch) * (step.weight * self.trainer.world_size / items)
                self.manual_backward(loss)
            total += loss.detach()
        if self.hyperparameters.max_grad_norm:
            self.clip_gradients(
                cast(Optimizer, adam), gradient_clip_val=self.hyperparameters.max_grad_norm, gradient_clip_algorithm="norm"
            )
        rate = adam.param_groups[0]["lr"]
        adam.step()
        adam.zero_grad()
        schedule.step()
        self.mean_loss.update(total)
        self.log("train/mean_loss", self.mean_loss, on_step=False, on_epoch=True, batch_size=1)
        self.log(f"train/loss/{step.task}", total, prog_bar=True, batch_size=1)
        self.log("train/learning_rate", rate, batch_size=1)

    def predict_step(self, batch: EvaluationBatch, batch_idx: int = 0) -> Outputs:
        """The task, its features' row numbers, and their outputs in the same order."""
        return batch.task, batch.rows, self.head(batch.head).outputs(self.encoder, batch.batch)

    def _all_items(self, local: float) -> float:
        """Items of the step over all processes; at least a fraction, so that a step without any item has gradient 0, not NaN."""
        if self.trainer.world_size == 1:
            return max(local, 1e-8)
        total = self.trainer.strategy.reduce(torch.tensor(local, device=self.device), reduce_op="sum")
        return max(float(cast(Tensor, total)), 1e-8)

    def _gradients_of_this_process_only(self, wanted: bool) -> Any:
        wrapped = self.trainer.strategy.model
        return wrapped.no_sync() if wanted and isinstance(wrapped, DistributedDataParallel) else nullcontext()


def derived_seed(*parts: object) -> int:
    """A 63-bit seed that depends on all parts, and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) >> 1
