"""The LightningDataModule of all tasks: reads examples, makes features of them, and hands out training steps and batches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from transformers import PreTrainedTokenizerBase

from xstilts import recipes
from xstilts.config import DataConfig, Hyperparameters, Mixture, Target, TrainerConfig
from xstilts.data.batches import EvaluationLoader, StepLoader, TaskFeatures
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.jobs import evaluated_languages
from xstilts.sources import languages_with_data
from xstilts.store.features import Prepared
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_of
from xstilts.training.features import Splits, evaluation_features, training_features


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

    `tasks`: a Task, or name -> TrainingTask for several tasks or parts of them. `hyperparameters` say how long the training is,
    how large its batches are, and how examples become features; `by_task` holds those of single tasks, where they differ. `data`
    says where the files are. `target` is what `predict_dataloader` yields; by default the first task, in all its evaluated splits
    and languages. `trainer` has the budgets of tokens; `padding_free` says that the encoder computes no padding. `store` is a
    folder that keeps features for other processes and runs; "" keeps none. `maps`: task -> artifact with the data map of which
    the task's TrainingTask takes one region.

    An epoch of the Trainer is the whole training: `hyperparameters.max_steps`, or `hyperparameters.epochs` over the data.
    """

    def __init__(
        self,
        tasks: Task | Mapping[str, TrainingTask],
        tokenizer: PreTrainedTokenizerBase,
        hyperparameters: Hyperparameters,
        data: DataConfig | None = None,
        *,
        by_task: Mapping[str, Hyperparameters] | None = None,
        target: Target | None = None,
        mixture: Mixture | None = None,
        seed: int = 1,
        trainer: TrainerConfig | None = None,
        padding_free: bool = False,
        validate: bool = True,
        store: str = "",
        maps: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.data = data or DataConfig()
        self.tasks = named_tasks(tasks, self.data)
        self.tokenizer = tokenizer
        self.hyperparameters = hyperparameters
        self.by_task = dict.fromkeys(self.tasks, hyperparameters) | dict(by_task or {})
        self.target = target
        self.mixture = mixture or Mixture()
        self.seed = seed
        self.budgets = trainer or TrainerConfig()
        self.padding_free = padding_free
        self.validate = validate
        self.store = store
        self.maps = maps or {}
        self.training: dict[str, TaskFeatures] = {}
        self.validation: dict[str, TaskFeatures] = {}
        self.evaluation: TaskFeatures | None = None
        self.language_splits: list[LanguageSplit] = []
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
        return self.evaluation_loader(self.evaluation)

    def evaluation_loader(self, *tasks: TaskFeatures) -> EvaluationLoader:
        """Every feature of these tasks once over all processes."""
        return EvaluationLoader(tasks, self.budgets.max_eval_tokens, *self._rank())

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

    def _training(self, name: str) -> TaskFeatures:
        values = self.by_task[name]
        made = training_features(
            self.tasks[name], self.data, self.tokenizer, recipes.limits(values), self.store, self.maps.get(name)
        )
        return self._batchable(name, self.tasks[name].task, made, values)

    def _validation(self, name: str) -> TaskFeatures:
        """The first `eval_examples` validation examples of the task, which select the checkpoint, and their features."""
        training, values = self.tasks[name], self.by_task[name]
        splits, first = [(training.validation, training.languages)], self.hyperparameters.eval_examples
        made = evaluation_features(training.task, self.data, splits, first, self.tokenizer, recipes.limits(values), self.store)
        return self._batchable(name, training.task, made, values)

    def _evaluation(self) -> TaskFeatures:
        """All examples of the target, split by split and language by language, and their features."""
        target = self.target or Target(task=next(iter(self.tasks.values())).task)
        splits, limits = evaluated_languages(target, self.data), recipes.limits(self.hyperparameters)
        made = evaluation_features(target.task, self.data, splits, target.max_test_examples, self.tokenizer, limits, self.store)
        self.language_splits = _language_splits(splits, made)
        return self._batchable(target.task.name, target.task, made, self.hyperparameters)

    def _batchable(self, name: str, task: Task, made: Prepared, values: Hyperparameters) -> TaskFeatures:
        special = special_tokens(self.tokenizer, values.mlm_probability or 0.15, masks=format_of(task).masks)
        return TaskFeatures(name, task, made.examples, made.features, special, recipes.limits(values))


def named_tasks(tasks: Task | Mapping[str, TrainingTask], data: DataConfig) -> dict[str, TrainingTask]:
    """Name -> TrainingTask. A Task trains in English if it has it, else in its first language.

    Without validation data the last tenth of its training examples selects the checkpoint.
    """
    if not isinstance(tasks, Task):
        return dict(tasks)
    training = TrainingTask(task=tasks, languages=["en"] if "en" in tasks.languages else tasks.languages[:1])
    if training.languages[0] not in languages_with_data(tasks, data, "validation"):
        training.train, training.validation = "train:90%", "train:-10%"
    return {tasks.name: training}


def _language_splits(splits: Splits, made: Prepared) -> list[LanguageSplit]:
    """The place of each language of each split in the table of examples."""
    places: list[LanguageSplit] = []
    languages, start = made.examples["language"][:], 0
    for (split, chosen), size in zip(splits, made.sizes, strict=True):
        counts = Counter(languages[start : start + size])
        whole = range(start, start + size)
        for language in chosen:
            places.append(LanguageSplit(split, language, start, start + counts[language], whole))
            start += counts[language]
    return places
