"""The one LightningModule of all tasks: an encoder, the heads of one phase, and how a step trains them.

A step is the recipe's batch, cut into micro-batches; its gradient is that of the whole batch, whatever the cut and the number
of processes: the loss is a sum over items divided by the items of the whole step.
"""

import contextlib
import hashlib
import logging
import math
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from xstilts.config import Hyperparameters
from xstilts.data.batches import EvaluationBatch, OptimizerStep
from xstilts.errors import UserError
from xstilts.models import trimming
from xstilts.models.encoder import Encoder
from xstilts.models.heads import ContrastiveHead, Head, HeadOutputs
from xstilts.training import distributed, memory, optimizer

log = logging.getLogger("xstilts")
Outputs = tuple[str, list[int], HeadOutputs]
NAMED = 64
"""Examples that a message names at most."""


class TaskModule(pl.LightningModule):
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
        self.evaluation_fits = 1 << 62  # tokens of a batch: no limit is known yet
        self.mean_loss = MeanMetric(nan_strategy="disable")  # a loss that is none ends training before
        self.mean_loss.persistent(True)  # a resumed run ends with the mean over all its steps

    def head(self, name: str) -> Head:
        """The head called `name`."""
        return cast(Head, self.heads[name])

    def configure_optimizers(self) -> Any:
        adam = optimizer.optimizer(self, self.hyperparameters)
        trimming.follow_decay(adam, self.encoder)
        return {"optimizer": adam, "lr_scheduler": optimizer.schedule(adam, self.hyperparameters, self.total_steps)}

    def training_step(self, step: OptimizerStep, batch_idx: int) -> None:
        adam, schedule = self.optimizers(), self.lr_schedulers()
        assert not isinstance(adam, list) and not isinstance(schedule, list) and schedule is not None
        while isinstance(share := self._gradients(step), memory.OutOfMemory):
            step = self._cut_smaller(step, share)
        norm = optimizer.clip_gradients(cast(Optimizer, adam), self.hyperparameters.max_grad_norm or 0.0)
        own, length = torch.stack([share, norm]).tolist()  # where the host waits for a GPU, once a step
        value = distributed.summed(own)
        if not (math.isfinite(value) and math.isfinite(length)):
            distributed.stop(self._diverged(step, value, length))
        # Filled in on the device: a number from the host would wait for it again.
        loss, rate = (torch.full((), number, device=self.device) for number in (value, adam.param_groups[0]["lr"]))
        adam.step()
        adam.zero_grad()
        schedule.step()
        self.mean_loss.update(loss)
        self.log("train/mean_loss", self.mean_loss, on_step=False, on_epoch=True, batch_size=1)
        self.log(f"train/loss/{step.task}", loss, prog_bar=True, batch_size=1)
        self.log("train/learning_rate", rate, batch_size=1)

    def predict_step(self, batch: EvaluationBatch, batch_idx: int = 0) -> Outputs:
        """The task, its features' row numbers, and their outputs in the same order."""
        tokens, single = batch.batch["input_ids"].numel(), len(batch.rows) == 1
        if single or tokens <= self.evaluation_fits:
            with contextlib.suppress(torch.OutOfMemoryError):
                return batch.task, batch.rows, self.head(batch.head).outputs(self.encoder, batch.batch)
            if single:
                raise UserError(_too_long("an evaluation", tokens, "trainer.max_eval_tokens"))
            self.evaluation_fits = tokens // 2
            memory.release()
            log.info(f"out of memory in evaluation: going on with {tokens // 2} tokens in a batch instead of {tokens}")
        halves = self.trainer.datamodule.halves(batch)  # type: ignore[attr-defined]
        outputs = [self.predict_step(move_data_to_device(half, self.device))[2] for half in halves]
        return batch.task, batch.rows, [row for rows in outputs for row in rows]

    def _gradients(self, step: OptimizerStep) -> Tensor | memory.OutOfMemory:
        """Leave the gradient of the whole step, over all processes, with the parameters; return this process's part of its loss.

        OutOfMemory, and gradients that mean nothing, where that happened to one of the processes.
        """
        head = self.head(step.head)
        # At least a fraction, so that a step without any item has gradient 0, not NaN.
        own = sum(head.items(batch) for batch in step.on_host or step.micro_batches) * step.weight
        items = max(distributed.summed(own), 1e-8)
        self.zero_grad()
        self._seed_dropout()
        try:
            loss = (self._backward_contrastive if head.contrastive else self._backward_summed)(step, items)
        except memory.OutOfMemory as short:
            return short.with_traceback(None)  # whose frames hold on to tensors
        distributed.sum_gradients(self.parameters())
        return loss

    def _backward_summed(self, step: OptimizerStep, items: float) -> Tensor:
        """The gradient and the loss of this process's share, where those of the micro-batches add up."""
        head = self.head(step.head)

        def backward() -> Tensor:
            total = torch.zeros((), device=self.device)
            for batch in step.micro_batches:
                loss = head.loss_sum(self.encoder, batch) * (step.weight / items)
                self.manual_backward(loss)
                total += loss.detach()
            return total

        return memory.run_on_all_or_oom(backward, step.sizes, step.tokens)

    def _backward_contrastive(self, step: OptimizerStep, items: float) -> Tensor:
        """The same where all items of the step are compared with each other.

        The vectors of all items first, then the loss and its gradient by the vectors, which goes on into the encoder: exact
        however a step is cut and shared out. With several micro-batches the encoder runs twice, with one of them in memory.
        """
        head, batches = cast(ContrastiveHead, self.head(step.head)), step.micro_batches
        at_once = len(batches) == 1

        def encode() -> list[Tensor]:
            with torch.set_grad_enabled(at_once):
                return [head.pairs(self.encoder, batch) for batch in batches]

        pairs = memory.run_on_all_or_oom(encode, step.sizes, step.tokens)
        own = torch.cat([part.detach() for part in pairs])[: None if step.weight else 0].requires_grad_()
        parts = distributed.gathered(own.detach())
        parts[distributed.rank()] = own
        loss = head.loss_of(torch.cat(parts)) * (1 / items)
        self.manual_backward(loss)
        for parameter in self.heads[step.head].parameters():
            if parameter.grad is not None:  # of the whole loss, in every process; they will be summed
                parameter.grad /= distributed.count()
        gradient = own.grad if step.weight else torch.zeros_like(torch.cat(pairs))
        assert gradient is not None

        def backward() -> None:
            if not at_once:
                self._seed_dropout()
                torch.clear_autocast_cache()  # holds weights that were cast without a gradient
            for batch, part, wanted in zip(batches, pairs, torch.split(gradient, [len(part) for part in pairs]), strict=True):
                self.manual_backward(part if at_once else head.pairs(self.encoder, batch), gradient=wanted)

        memory.run_on_all_or_oom(backward, step.sizes, step.tokens)
        return loss.detach() / distributed.count()

    def _seed_dropout(self) -> None:
        # Dropout depends on the step and the cut alone: a run resumed in mid-epoch draws what an undisturbed run draws, and a
        # step that is done again in smaller micro-batches draws what it would have drawn had they been so small from the start.
        seed = derived_seed("dropout", self.seed, self.global_step, self.global_rank)
        # In a process without a GPU torch.manual_seed keeps a traceback of every call, for the GPU that may yet come.
        (torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed)(seed)

    def _cut_smaller(self, step: OptimizerStep, short: memory.OutOfMemory) -> OptimizerStep:
        """The step again, in micro-batches of half the size of its largest one."""
        self.zero_grad()
        memory.release()
        where, tokens, half = f"step {step.number + 1} of training", short.largest_tokens, short.largest_tokens // 2
        if short.single:
            distributed.stop(UserError(_too_long(where, tokens, "trainer.max_tokens")))
        log.info(f"out of memory in {where}: done again, and on, with {half} tokens in a micro-batch instead of {tokens}")
        return move_data_to_device(self.trainer.datamodule.cut_smaller(step, half), self.device)  # type: ignore[attr-defined]

    def _diverged(self, step: OptimizerStep, loss: float, norm: float) -> UserError:
        ids = self.trainer.datamodule.ids(step)  # type: ignore[attr-defined]
        named = " ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
        rate = f"recipe.learning_rate={(self.hyperparameters.learning_rate or 0) / 2:g}"
        return UserError(
            f"training diverged in step {step.number + 1} of {self.total_steps}: loss {loss}, norm of the gradient {norm}; task "
            f"{step.task}, examples {named}; nothing is published, the last checkpoint is that of an earlier step, and the same "
            f"command would go on from there and end here again: type target.{rate} (of phase 2: intermediate.{rate}), which "
            f"trains from the start, or mend these examples"
        )


def _too_long(where: str, tokens: int, setting: str) -> str:
    return (
        f"out of memory in {where} with one example of {tokens} tokens alone (padding included): a smaller {setting} does "
        f"not help; type intermediate.recipe.max_length=N target.recipe.max_length=N with a smaller N, or a smaller model=..."
    )


def derived_seed(*parts: object) -> int:
    """A 63-bit seed that depends on all parts, and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) >> 1
