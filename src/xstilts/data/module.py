"""The one LightningDataModule of all tasks: hands the loaders of this process to Lightning."""

from collections.abc import Sequence

import pytorch_lightning as pl

from xstilts.data.batches import EvaluationLoader, StepLoader, TaskFeatures
from xstilts.data.plan import StepPlan


class TaskData(pl.LightningDataModule):
    """`training` features with their plan, and `evaluation` features."""

    def __init__(
        self,
        training: Sequence[TaskFeatures] = (),
        plan: StepPlan | None = None,
        evaluation: Sequence[TaskFeatures] = (),
        max_tokens: int = 2048,
        max_eval_tokens: int = 32768,
    ) -> None:
        super().__init__()
        # An evaluation of few batches may have none for some processes.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.training = {task.task: task for task in training}
        self.plan = plan
        self.evaluation = list(evaluation)
        self.max_tokens = max_tokens
        self.max_eval_tokens = max_eval_tokens

    def train_dataloader(self) -> StepLoader:
        assert self.plan is not None
        return StepLoader(self.training, self.plan, self.max_tokens, *self._rank())

    def predict_dataloader(self) -> EvaluationLoader:
        """Every feature exactly once over all processes; also what the selection of a checkpoint runs on."""
        return EvaluationLoader(self.evaluation, self.max_eval_tokens, *self._rank())

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
