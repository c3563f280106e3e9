"""The examples of a task and their features: read and made once, then kept in the store if there is one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import concatenate_datasets
from transformers import PreTrainedTokenizerBase

from xstilts.config import DataConfig
from xstilts.data import data_maps
from xstilts.data.featurizers import featurizer
from xstilts.errors import UserError
from xstilts.paths import DYNAMICS
from xstilts.sources.load import load
from xstilts.sources.subset import subset
from xstilts.store.features import Prepared, feature_identity, load_or_build
from xstilts.tasks.declaration import Limits, Task, TrainingTask
from xstilts.tasks.formats import format_of

Splits = list[tuple[str, list[str]]]
"""Split expressions, each with its languages."""


def training_features(
    training: TrainingTask,
    data: DataConfig,
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    store: str = "",
    data_map: str | None = None,
) -> Prepared:
    """The examples to train on, a part of them if the TrainingTask says so, and their features.

    `data_map`: the artifact with the map that the TrainingTask's region is of. UserError if nothing is left to train on.
    """
    task, chosen = training.task, training.data_map
    taken: dict[str, Any] = {"max_examples": training.max_examples, "fraction": training.fraction}
    if training.language_exponent is not None:
        taken["language_exponent"] = training.language_exponent
    if data_map:
        taken["data_map"] = [Path(data_map).name, chosen.region, chosen.fraction]

    def build() -> Prepared:
        examples = subset(
            load(task, data, training.train, training.languages),
            training.max_examples,
            training.fraction,
            training.language_exponent,
            format_of(task).candidate,
        )
        if data_map:
            examples = data_maps.in_region(examples, Path(data_map) / DYNAMICS, chosen.region or "", chosen.fraction)
        features = featurizer(task.format).featurize(examples, tokenizer, task, limits, True)
        if not len(features):
            raise UserError(f"task {task.name} has no training example left; got {len(examples)} examples without gold")
        return Prepared(examples, features, [len(examples)])

    return _kept(task, data, [(training.train, training.languages)], taken, tokenizer, limits, True, store, build)


def evaluation_features(
    task: Task,
    data: DataConfig,
    splits: Splits,
    first: int | None,
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    store: str = "",
) -> Prepared:
    """The examples of some splits, the `first` so many of each language (null: all), in one table, and their features.

    Answers of one language may be candidates of another's questions, so a split is loaded with all its languages at once.
    """

    def build() -> Prepared:
        read = [load(task, data, split, languages, max_examples=first) for split, languages in splits]
        examples = concatenate_datasets(read)
        features = featurizer(task.format).featurize(examples, tokenizer, task, limits, False)
        return Prepared(examples, features, [len(part) for part in read])

    return _kept(task, data, splits, {"first": first}, tokenizer, limits, False, store, build)


def _kept(
    task: Task,
    data: DataConfig,
    splits: Splits,
    taken: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    training: bool,
    store: str,
    build: Callable[[], Prepared],
) -> Prepared:
    def identity() -> dict[str, Any]:
        return feature_identity(task, data, splits, taken, tokenizer, limits, training, store)

    return load_or_build(store, identity, build)
