"""The LightningModule of all tasks: an encoder, the heads of one phase, and the training step.

A step is the recipe's batch, cut into micro-batches. Its gradient is that of the whole batch, however it is cut and shared among
processes: the loss is a sum over items divided by the items of the whole step.
"""

import contextlib
import logging
import math
from collections.abc import Mapping
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy, ParallelStrategy
from pytorch_lightning.utilities import move_data_to_device
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric
from transformers import PreTrainedTokenizerBase

from xstilts import recipes
from xstilts.config import PRECISIONS, ModelConfig, TrainerConfig
from xstilts.data.batches import EvaluationBatch, OptimizerStep, TaskFeatures
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models import trimming
from xstilts.models.adapters import put_on
from xstilts.models.encoder import Encoder
from xstilts.models.heads import ContrastiveHead, Head, HeadOutputs
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.training import distributed, memory, optimizer
from xstilts.training.determinism import derived_seed
from xstilts.training.load import fresh_heads, load_encoder
from xstilts.training.prediction import selection_score
from xstilts.training.vectors import Outputs

log = logging.getLogger("xstilts")
NAMED = 64
"""Examples that a message names at most."""


class TaskModule(pl.LightningModule):
    """Trains and applies `heads` (by head name) on top of `encoder`.

    Batches come from a TaskDataModule. Gradients are clipped at `hyperparameters.max_grad_norm`. Validation logs
    `validation/score`, higher is better, and each task's main metric as `validation/<task>/<metric>`. On several GPUs the Trainer
    needs `strategy=ManualDDPStrategy()`.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Mapping[str, nn.Module],
        hyperparameters: Hyperparameters,
        seed: int = 1,
        total_steps: int | None = None,
    ) -> None:
        """`total_steps`: the length of the learning rate's schedule; None: as many steps as the Trainer takes."""
        super().__init__()
        self.automatic_optimization = False
        self.encoder = encoder
        # With a prefix, as a ModuleDict refuses the names of its methods, such as `to`.
        self.heads = nn.ModuleDict({f"head_{name}": head for name, head in heads.items()})
        self.hyperparameters = hyperparameters
        self.seed = seed
        self.given_steps = total_steps
        self.total_steps = total_steps
        self.evaluation_fits = 1 << 62  # tokens of a batch: no limit is known yet
        self.validated: list[Outputs] = []
        self.validated_tasks: tuple[TaskFeatures, ...] = ()
        self.mean_loss = MeanMetric(nan_strategy="disable")  # a loss that is none ends training before
        self.mean_loss.persistent(True)  # a resumed run ends with the mean over all its steps
        self.train()  # `from_pretrained` makes an encoder in evaluation mode, and Lightning leaves it so: no dropout

    @classmethod
    def from_tasks(
        cls,
        tasks: Task | Mapping[str, Task | TrainingTask],
        tokenizer: PreTrainedTokenizerBase,
        hyperparameters: Hyperparameters,
        model: ModelConfig | None = None,
        seed: int = 1,
    ) -> "TaskModule":
        """Load the encoder that `model` describes, give it a fresh head for each task, and the adapter if one is chosen.

        Takes the data module's arguments.
        """
        encoder = load_encoder(model or ModelConfig(), TrainerConfig(), tokenizer)
        used = {tasks.name: tasks} if isinstance(tasks, Task) else tasks
        named = {name: item if isinstance(item, Task) else item.task for name, item in used.items()}
        heads = fresh_heads(named, encoder, dict.fromkeys(named, hyperparameters), seed)
        if any(head.needs_pooler for _, head in heads.values()):
            encoder.add_pooler()
        values = recipes.with_adapter(hyperparameters, model or ModelConfig())
        if values.adapter:
            encoder.adapters = put_on(encoder.backbone, values, derived_seed("adapter", seed))
        return cls(encoder, {name: head for name, (_, head) in heads.items()}, hyperparameters, seed)

    def head(self, name: str) -> Head:
        """The head called `name`. UserError if there is none."""
        if f"head_{name}" not in self.heads:
            known = [key.removeprefix("head_") for key in self.heads]
            raise UserError(f"the module has no head '{name}', only {', '.join(known)}: make it and its data of the same tasks")
        return cast(Head, self.heads[f"head_{name}"])

    def configure_callbacks(self) -> list[pl.Callback]:
        """Refuse settings of the Trainer that would be ignored or fail later. This hook runs before Lightning checks them."""
        clip, batches = self.trainer.gradient_clip_val, self.trainer.accumulate_grad_batches
        validated: int | float = self.trainer.limit_val_batches
        if self.trainer.precision not in PRECISIONS:
            raise UserError(
                f"Trainer(precision='{self.trainer.precision}'): expected {', '.join(PRECISIONS)}: weights are float32"
            )
        if clip:
            raise UserError(
                f"Trainer(gradient_clip_val={clip}): leave it out and set recipe.max_grad_norm={clip} (Hyperparameters)"
            )
        if batches != 1:
            raise UserError(
                f"Trainer(accumulate_grad_batches={batches}): leave it out and set recipe.batch_size (Hyperparameters): a "
                "batch is cut into micro-batches of trainer.max_tokens tokens by itself"
            )
        if validated and not self._validates_on_all() and not getattr(self.trainer, "fast_dev_run", False):
            raise UserError(
                f"Trainer(limit_val_batches={validated}): leave it out and set recipe.eval_examples (Hyperparameters): the score "
                "is that of whole examples and languages"
            )
        return []

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW and the recipe's schedule."""
        # An epoch of the Trainer is the whole training; the estimate also heeds Trainer(max_steps).
        steps = self.given_steps or int(min(self.trainer.estimated_stepping_batches, self.trainer.num_training_batches))
        self.total_steps = steps
        adam = optimizer.optimizer(self, self.hyperparameters)
        trimming.follow_decay(adam, self.encoder)
        return {"optimizer": adam, "lr_scheduler": optimizer.schedule(adam, self.hyperparameters, steps)}

    def forward(self, batch: EvaluationBatch) -> HeadOutputs:
        """The head's outputs for each feature of the batch, as NumPy arrays; `xstilts.models.heads` says which."""
        return self.head(batch.features.head).outputs(self.encoder, batch.batch)

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

    def on_fit_start(self) -> None:
        """Refuse strategies that would exchange gradients in another way, or leave the CPU's tensors without a backend."""
        strategy = self.trainer.strategy
        plain = self.device.type == "cpu" and isinstance(strategy, DDPStrategy)
        if self.trainer.world_size > 1 and not (plain or isinstance(strategy, distributed.ManualDDPStrategy)):
            raise UserError(
                f"strategy: got {type(strategy).__name__} on {self.trainer.world_size} {self.device.type} devices, "
                "expected Trainer(strategy=ManualDDPStrategy()) of xstilts.training.distributed"
            )

    def on_train_epoch_end(self) -> None:
        """End the training: the recipe's steps are done, whatever the Trainer's max_epochs."""
        self.trainer.should_stop = True

    def predict_step(self, batch: EvaluationBatch, batch_idx: int = 0) -> Outputs:
        """The task's name, the rows of the batch's features and of those that repeat them, and the outputs in the same order."""
        outputs, repeated = self._outputs(batch), batch.features.repeated
        copies = [(copy, output) for row, output in zip(batch.rows, outputs, strict=True) for copy in repeated.get(row, [])]
        return batch.features.name, batch.rows + [row for row, _ in copies], outputs + [output for _, output in copies]

    def _outputs(self, batch: EvaluationBatch) -> HeadOutputs:
        """The outputs of the batch's features, in smaller batches if the memory is too small for this one."""
        if not batch.rows:
            return []
        tokens, single = batch.batch["input_ids"].numel(), len(batch.rows) == 1
        if single or tokens <= self.evaluation_fits:
            with contextlib.suppress(torch.OutOfMemoryError):
                return list(self(batch))
            if single:
                raise UserError(_too_long("an evaluation", tokens, "trainer.max_eval_tokens"))
            self.evaluation_fits = tokens // 2
            memory.release()
            log.info(f"out of memory in evaluation: going on with {tokens // 2} tokens in a batch instead of {tokens}")
        return [output for half in batch.halves() for output in self._outputs(move_data_to_device(half, self.device))]

    def validation_step(self, batch: EvaluationBatch, batch_idx: int = 0) -> None:
        """Keep the outputs of the batch for `validation_score`."""
        self.validated.append(self.predict_step(batch))
        self.validated_tasks = batch.tasks

    def validation_score(self) -> tuple[float, dict[str, float]]:
        """The score of all batches since the last call, over all processes: see `prediction.selection_score`."""
        outputs, self.validated = distributed.gathered_objects(self.validated), []
        return selection_score({task.name: task for task in self.validated_tasks}, outputs)

    def on_validation_epoch_end(self) -> None:
        """Log the score, except in a sanity check and a `fast_dev_run`, which see a part of the batches."""
        if self.trainer.sanity_checking or not self._validates_on_all():
            self.validated.clear()
            return
        score, by_task = self.validation_score()
        self.log_validation(score, by_task)

    def _validates_on_all(self) -> bool:
        limit: int | float = self.trainer.limit_val_batches
        return isinstance(limit, float) and limit == 1.0  # the integer 1 is one batch

    def log_validation(self, score: float, by_task: Mapping[str, float]) -> None:
        """Log `validation/score` and the metrics behind it; the values are the same in all processes."""
        values = {"validation/score": score, **{f"validation/{name}": value for name, value in by_task.items()}}
        self.log_dict(values, batch_size=1)

    def _gradients(self, step: OptimizerStep) -> Tensor | memory.OutOfMemory:
        """Compute the gradient of the whole step, over all processes; return this process's part of its loss.

        Return OutOfMemory, and leave undefined gradients, if any process ran out of memory.
        """
        head = self.head(step.head)
        # At least a fraction, so that a step without any item has gradient 0, not NaN.
        own = sum(head.items(batch) for batch in step.on_host or step.micro_batches) * step.weight
        items = max(distributed.summed(own), 1e-8)
        self.zero_grad()
        self._seed_dropout()
        try:
            with self._no_gradient_sync():
                loss = (self._backward_contrastive if head.contrastive else self._backward_summed)(step, items)
        except memory.OutOfMemory as short:
            return short.with_traceback(None)  # whose frames hold on to tensors
        distributed.sum_gradients(self.parameters())
        return loss

    def _no_gradient_sync(self) -> contextlib.AbstractContextManager[None]:
        """Keep `strategy="ddp"` from averaging gradients in the backward pass: `sum_gradients` sums them after it."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else contextlib.nullcontext()

    def _backward_summed(self, step: OptimizerStep, items: float) -> Tensor:
        """Compute the gradient and the loss of this process's share, where those of the micro-batches add up."""
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
        """Compute the same where all items of the step are compared with each other.

        First the vectors of all items, then the loss and its gradient with respect to the vectors, then the gradient of the
        encoder: exact for any cut. With several micro-batches the encoder runs twice, and memory holds one micro-batch.
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
        for parameter in cast(nn.Module, head).parameters():
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
        # Dropout depends on the step and the cut alone: a resumed run draws the same as an undisturbed run, and a step that is
        # repeated in smaller micro-batches draws the same as if they had been smaller from the start.
        seed = derived_seed("dropout", self.seed, self.global_step, self.global_rank)
        # Without a GPU, torch.manual_seed keeps a traceback of every call until CUDA is initialised.
        (torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed)(seed)

    def _cut_smaller(self, step: OptimizerStep, short: memory.OutOfMemory) -> OptimizerStep:
        """Make the step again, in micro-batches of half the size of its largest."""
        self.zero_grad()
        memory.release()
        where, tokens, half = f"step {step.number + 1} of training", short.largest_tokens, short.largest_tokens // 2
        if short.single:
            distributed.stop(UserError(_too_long(where, tokens, "trainer.max_tokens")))
        log.info(f"out of memory in {where}: done again, and on, with {half} tokens in a micro-batch instead of {tokens}")
        return cast(OptimizerStep, move_data_to_device(step.cut_smaller(half), self.device))

    def _diverged(self, step: OptimizerStep, loss: float, norm: float) -> UserError:
        ids = step.ids()
        named = " ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
        rate = f"recipe.learning_rate={(self.hyperparameters.learning_rate or 0) / 2:g}"
        return UserError(
            f"training diverged in step {step.number + 1} of {self.total_steps}: loss {loss}, norm of the gradient {norm}; task "
            f"{step.task}, examples {named}; nothing is published, the last checkpoint is that of an earlier step, and the same "
            f"command would go on from there and end here again: type target.{rate} (of phase 2: intermediate.{rate}), which "
            f"trains from the start, or mend these examples"
        )


def _too_long(where: str, tokens: int, setting: str) -> str:
    kept = "trainer.gradient_checkpointing=true, or " if setting == "trainer.max_tokens" else ""
    return (
        f"out of memory in {where} with one example of {tokens} tokens alone (padding included): a smaller {setting} does "
        f"not help; type {kept}intermediate.recipe.max_length=N target.recipe.max_length=N with a smaller N, or a smaller "
        "model=..."
    )
