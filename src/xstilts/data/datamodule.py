"""The one LightningDataModule of all tasks: hands the loaders of this process to Lightning."""

from collections.abc import Sequence

import pytorch_lightning as pl

from xstilts.data.batches import EvaluationBatch, EvaluationLoader, OptimizerStep, StepLoader, TaskFeatures
from xstilts.data.plan import StepPlan


class TaskDataModule(pl.LightningDataModule):
    """`training` features with their plan, and `evaluation` features. `padding_free`: the encoder computes no padding."""

    def __init__(
        self,
        training: Sequence[TaskFeatures] = (),
        plan: StepPlan | None = None,
        evaluation: Sequence[TaskFeatures] = (),
        max_tokens: int = 2048,
        max_eval_tokens: int = 32768,
        padding_free: bool = False,
    ) -> None:
        super().__init__()
        # An evaluation of few batches may have none for some processes.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.training = {task.task: task for task in training}
        self.plan = plan
        self.evaluation = list(evaluation)
        self.max_tokens = max_tokens
        self.max_eval_tokens = max_eval_tokens
        self.padding_free = padding_free
        self.loader: StepLoader | None = None

    def train_dataloader(self) -> StepLoader:
        assert self.plan is not None
        self.loader = StepLoader(self.training, self.plan, self.max_tokens, *self._rank(), self.padding_free)
        return self.loader

    def cut_smaller(self, step: OptimizerStep, max_tokens: int) -> OptimizerStep:
        """The step once more, it and all to come in micro-batches that cost at most `max_tokens`."""
        assert self.loader is not None
        return self.loader.cut_smaller(step.number, max_tokens)

    def ids(self, step: OptimizerStep) -> list[str]:
        """The ids of the step's examples, those of the other processes too."""
        assert self.plan is not None
        task, rows = self.plan.step(step.number)
        return self.training[task].ids(rows.tolist())

    def predict_dataloader(self) -> EvaluationLoader:
        """Every feature exactly once over all processes; also what the selection of a checkpoint runs on."""
        return EvaluationLoader(self.evaluation, self.max_eval_tokens, *self._rank())

    def halves(self, batch: EvaluationBatch) -> list[EvaluationBatch]:
        """The same features in two batches."""
        (task,) = (task for task in self.evaluation if task.task == batch.task)
        middle = len(batch.rows) // 2
        return [
            EvaluationBatch(batch.task, batch.head, rows, task.collate(rows))
            for rows in (batch.rows[:middle], batch.rows[middle:])
        ]

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
