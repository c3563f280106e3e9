"""The examples of a task and their features: read and made once, then kept in the store if there is one."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets
from transformers import PreTrainedTokenizerBase

from xstilts.config import CharNoise
from xstilts.data import data_maps
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.tables import kept_in
from xstilts.errors import UserError
from xstilts.jobs import TrainingData
from xstilts.numbering import counted
from xstilts.paths import DYNAMICS
from xstilts.sources import TaskSource, arrow_file
from xstilts.sources.load import load
from xstilts.sources.noise import VERSION as NOISE_VERSION
from xstilts.sources.noise import noisy
from xstilts.sources.shuffle import shuffled
from xstilts.sources.splits import DataSplit
from xstilts.sources.subset import subset
from xstilts.store.features import Prepared, examples_file, feature_identity, features_file, load_or_build
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.declaration import Limits
from xstilts.tasks.formats import format_of
from xstilts.training.held_out import load_unrelated

READ = "read.arrow"
"""The end of the names of files with all examples of a split, from which those to keep are taken."""
SPLIT = ("languages", "train", "validation")
"""Fields of TrainingTask that a DataSplit has too."""


def training_features(training: TrainingData, tokenizer: PreTrainedTokenizerBase, store: str = "") -> Prepared:
    """The examples to train on and their features. UserError if nothing is left to train on."""
    task, train, used, data_map = training.task, training.train, training.used, training.map
    taken = {name: value for name, value in without_defaults(used).items() if name not in SPLIT}
    if data_map:
        taken["data_map"] |= {"map": Path(data_map).name}

    def build(folder: Path | None) -> Prepared:
        read = load(training.source, train.expression, train.languages, file=folder and folder / READ)
        examples = subset(read, task, used)
        if data_map:
            examples = data_maps.selected(examples, Path(data_map) / DYNAMICS, used.data_map, format_of(task).gold or "")
        if used.shuffle_labels:
            examples = shuffled(examples, task, used.draw)
        examples = _settled(examples, folder, [read])
        with kept_in(folder and features_file(folder)):
            features = featurizer(task.format).featurize(examples, tokenizer, task, training.limits, True)
        if not len(features):
            raise UserError(
                f"task {task.name} has no training example left; got {counted(len(examples), 'example')} without gold"
            )
        return Prepared(examples, features, [len(examples)])

    return _kept(training.source, [train], taken, tokenizer, training.limits, True, store, build)


def evaluation_features(
    source: TaskSource,
    splits: list[DataSplit],
    first: int | None,
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    store: str = "",
    held_out: DataSplit | None = None,
    noise: CharNoise | None = None,
) -> Prepared:
    """The examples of some splits, the `first` so many of each language (null: all), in one table, and their features.

    Examples that are related to those `held_out` are left out, and the others get `noise`. Answers of one language may be
    candidates of another's questions, so a split is loaded with all its languages at once.
    """

    def build(folder: Path | None) -> Prepared:
        if held_out:
            read = [load_unrelated(source, split, held_out, first) for split in splits]
        else:
            read = [
                load(source, split.expression, split.languages, first, file=folder and folder / f"{number}.{READ}")
                for number, split in enumerate(splits)
            ]
        examples = concatenate_datasets(read) if len(read) > 1 else read[0]
        if noise and noise.rate:
            examples = noisy(examples, source.task, noise)
        examples = _settled(examples, folder, read)
        with kept_in(folder and features_file(folder)):
            features = featurizer(source.task.format).featurize(examples, tokenizer, source.task, limits, False)
        return Prepared(examples, features, [len(part) for part in read])

    taken: dict[str, Any] = {"first": first} | ({"held_out": asdict(held_out)} if held_out else {})
    taken |= {"char_noise": [NOISE_VERSION, noise.rate, noise.seed]} if noise and noise.rate else {}
    return _kept(source, splits, taken, tokenizer, limits, False, store, build)


def _settled(examples: Dataset, folder: Path | None, read: list[Dataset]) -> Dataset:
    """The examples as they are kept in the folder of the artifact; the files of what was read are deleted."""
    if folder is None:
        return examples
    files = list(folder.glob(f"*{READ}"))
    if len(files) == 1 and examples is read[0] and len(arrow_file.mapped(files[0])) == len(examples):
        files.pop().rename(examples_file(folder))
    else:
        arrow_file.write(examples, examples_file(folder))
    for file in files:
        file.unlink()
    return arrow_file.mapped(examples_file(folder))


def _kept(
    source: TaskSource,
    splits: list[DataSplit],
    taken: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    limits: Limits,
    training: bool,
    store: str,
    build: Callable[[Path | None], Prepared],
) -> Prepared:
    def identity() -> dict[str, Any]:
        return feature_identity(source, splits, taken, tokenizer, limits, training)

    return load_or_build(store, identity, build)
