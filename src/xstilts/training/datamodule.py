"""The LightningDataModule of all tasks: reads examples, makes features of them, and hands out training steps and batches."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from transformers import PreTrainedTokenizerBase

from xstilts import recipes
from xstilts.config import DataConfig, Mixture, Target, TrainerConfig
from xstilts.data.batches import EvaluationLoader, StepLoader, TaskFeatures
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import EvaluationJob, TrainingData, evaluated_splits, training_data
from xstilts.paths import checksum_cache
from xstilts.sources import languages_with_data, source_of
from xstilts.sources.splits import DataSplit
from xstilts.store.features import Prepared
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_of
from xstilts.training import distributed
from xstilts.training.features import evaluation_features, training_features

ON_GPU, ON_CPU = 32_768, 4_096
"""Tokens in a batch of evaluation. On a CPU the kernel would hand out new pages for each tensor of a larger batch."""


@dataclass(frozen=True)
class LanguageSplit:
    """The examples of one language of a split: rows `start` to `end` of the evaluated examples."""

    split: str
    language: str
    start: int
    end: int
    whole_split: range
    """The rows of all languages of the split."""


class TaskDataModule(pl.LightningDataModule):
    """Training steps, validation batches and batches to predict, of one or several tasks.

    `tasks`: a Task, or name -> Task or TrainingTask for several tasks or parts of them, or name -> TrainingData as in a job.
    `hyperparameters` say how long the training is, how large its batches are, and how examples become features; a TrainingData
    has those of its task. `data` says where the files are. `target` is what `predict_dataloader` yields; by default the first
    task, in all its evaluated splits and languages. `trainer` has the budgets of tokens; `padding_free` says that the encoder
    computes no padding. `store` is a folder that keeps features for other processes and runs; "" keeps none.

    An epoch of the Trainer is the whole training: `hyperparameters.max_steps`, or `hyperparameters.epochs` over the data.
    """

    def __init__(
        self,
        tasks: Task | Mapping[str, Task | TrainingTask] | Mapping[str, TrainingData],
        tokenizer: PreTrainedTokenizerBase,
        hyperparameters: Hyperparameters,
        data: DataConfig | None = None,
        *,
        target: Target | EvaluationJob | None = None,
        mixture: Mixture | None = None,
        seed: int = 1,
        trainer: TrainerConfig | None = None,
        padding_free: bool = False,
        validate: bool = True,
        store: str = "",
    ) -> None:
        super().__init__()
        self.prepare_data_per_node = False  # the store is on a disk that all nodes share
        self.data = data or DataConfig()
        self.tasks: dict[str, TrainingTask | TrainingData] = named_tasks(tasks, self.data)
        self.tokenizer = tokenizer
        self.hyperparameters = hyperparameters
        self.target = target
        self.mixture = mixture or Mixture()
        self.seed = seed
        self.budgets = trainer or TrainerConfig()
        self.padding_free = padding_free
        self.validate = validate
        self.store = store
        self.training: dict[str, TaskFeatures] = {}
        self.validation: dict[str, TaskFeatures] = {}
        self.evaluation: TaskFeatures | None = None
        self.language_splits: list[LanguageSplit] = []
        self.done: Callable[[], np.ndarray] | None = None
        """Returns which rows of the target need no prediction, bool."""
        self.plan: StepPlan | None = None
        self._position: dict[str, Any] = {}
        self._loader: StepLoader | None = None

    def prepare_data(self) -> None:
        """Put the features into the store, in one process; the others read them there."""
        if self.store and self.tasks:
            self.setup("fit")
        elif self.store:
            self.setup("predict")

    def setup(self, stage: str | None = None) -> None:
        """Make the features, or read them from the store: `fit`, `validate` or `predict`. A second call does nothing."""
        if stage in ("fit", None) and not self.plan:
            self.training = {name: self._training(name) for name in self.tasks}
            self.plan = self._plan()
        if stage in ("fit", "validate", None) and self.validate and not self.validation:
            self.validation = {name: self._validation(name) for name in self.tasks}
        if stage in ("predict", None) and not self.evaluation:
            self.evaluation = self._evaluation()

    def train_dataloader(self) -> StepLoader:
        """The optimizer steps of the training, this process's share of each."""
        assert self.plan
        self._loader = StepLoader(self.training, self.plan, self.budgets.max_tokens, *self._rank(), self.padding_free)
        if self._position:
            self._loader.load_state_dict(self._position)
        return self._loader

    def val_dataloader(self) -> EvaluationLoader:
        """Every validation feature once over all processes."""
        return self.evaluation_loader(*self.validation.values())

    def predict_dataloader(self) -> EvaluationLoader:
        """Every feature of the target's splits and languages once over all processes."""
        assert self.evaluation
        # Every process takes the first one's view, so that all deal out the same batches.
        done = distributed.gathered_objects([self.done()])[0] if self.done else None
        return self.evaluation_loader(self.evaluation, done=done)

    def evaluation_loader(self, *tasks: TaskFeatures, done: np.ndarray | None = None) -> EvaluationLoader:
        """Every feature of these tasks once over all processes; `done` as in EvaluationLoader."""
        return EvaluationLoader(tasks, self.budgets.max_eval_tokens or self._most_tokens(), *self._rank(), done)

    def _most_tokens(self) -> int:
        on_cpu = self.trainer is None or self.trainer.strategy.root_device.type == "cpu"
        return ON_CPU if on_cpu else ON_GPU

    def state_dict(self) -> dict[str, Any]:
        """The place of the training in its plan."""
        return self._loader.state_dict() if self._loader else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from this place: the next `train_dataloader` begins there."""
        self._position = state_dict

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _plan(self) -> StepPlan:
        values = self.hyperparameters
        if not values.batch_size or not (values.max_steps or values.epochs):
            raise UserError(
                f"hyperparameters: got batch_size={values.batch_size}, max_steps={values.max_steps}, epochs={values.epochs}, "
                "expected a batch_size, and max_steps or epochs"
            )
        return StepPlan(
            sizes={name: len(task.features) for name, task in self.training.items()},
            batch_size=values.batch_size,
            seed=self.seed,
            epochs=values.epochs or 0,
            max_steps=values.max_steps,
            mixture=self.mixture,
        )

    def _cache(self) -> Path | None:
        return checksum_cache(Path(self.store)) if self.store else None

    def _resolved(self, name: str) -> TrainingData:
        """The task's data; that of a TrainingTask follows from the hyperparameters of all."""
        used, values = self.tasks[name], self.hyperparameters
        if isinstance(used, TrainingData):
            return used
        source = source_of(used.task, self.data)
        return training_data(used, source, values, recipes.limits(values), self.validate, self._cache())

    def _training(self, name: str) -> TaskFeatures:
        data = self._resolved(name)
        return self._batchable(name, data.task, training_features(data, self.tokenizer, self.store), data.hyperparameters)

    def _validation(self, name: str) -> TaskFeatures:
        """The first `eval_examples` validation examples of the task, which select the checkpoint, and their features."""
        data, first = self._resolved(name), self.hyperparameters.eval_examples
        splits = [data.validation] if data.validation else []
        made = evaluation_features(data.source, splits, first, self.tokenizer, data.limits, self.store)
        return self._batchable(name, data.task, made, data.hyperparameters)

    def _evaluation(self) -> TaskFeatures:
        """All examples of the target, split by split and language by language, and their features."""
        job = self.target if isinstance(self.target, EvaluationJob) else self._evaluation_of(self.target)
        cut = job.source, job.splits, job.max_test_examples, self.tokenizer, job.limits
        made = evaluation_features(*cut, self.store, job.held_out, job.char_noise)
        self.language_splits = _language_splits(job.splits, made)
        return self._batchable(job.task.name, job.task, made, self.hyperparameters)

    def _evaluation_of(self, target: Target | None) -> EvaluationJob:
        target = target or Target(task=next(iter(self.tasks.values())).task)
        source, limits = source_of(target.task, self.data), recipes.limits(self.hyperparameters)
        splits = evaluated_splits(source, target, self._cache())
        return EvaluationJob(source, splits=splits, max_test_examples=target.max_test_examples, limits=limits)

    def _batchable(self, name: str, task: Task, made: Prepared, values: Hyperparameters) -> TaskFeatures:
        special = special_tokens(self.tokenizer, values.mlm_probability or 0.15, masks=format_of(task).masks)
        return TaskFeatures(name, task, made.examples, made.features, special, recipes.limits(values))


def named_tasks(
    tasks: Task | Mapping[str, Task | TrainingTask] | Mapping[str, TrainingData], data: DataConfig
) -> dict[str, TrainingTask | TrainingData]:
    """Name -> TrainingTask. A Task trains in English if it has it, else in its first language.

    Without validation data the last tenth of its training examples selects the checkpoint.
    """
    named = {tasks.name: tasks} if isinstance(tasks, Task) else tasks
    return {name: _training_of(used, data) if isinstance(used, Task) else used for name, used in named.items()}


def _training_of(task: Task, data: DataConfig) -> TrainingTask:
    training = TrainingTask(task=task, languages=["en"] if "en" in task.languages else task.languages[:1])
    if training.languages[0] not in languages_with_data(source_of(task, data), "validation"):
        training.train, training.validation = "train:90%", "train:-10%"
    return training


def _language_splits(splits: list[DataSplit], made: Prepared) -> list[LanguageSplit]:
    """The place of each language of each split in the table of examples."""
    places: list[LanguageSplit] = []
    languages, start = made.examples["language"][:], 0
    for split, size in zip(splits, made.sizes, strict=True):
        counts = Counter(languages[start : start + size])
        whole = range(start, start + size)
        for language in split.languages:
            places.append(LanguageSplit(split.name, language, start, start + counts[language], whole))
            start += counts[language]
    return places
