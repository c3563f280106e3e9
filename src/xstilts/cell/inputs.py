"""Bring all that a cell needs to this disk, before any worker starts: workers need no network. No torch.

Data sets and models come from the Hub; the data of a synthetic world is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts.cell.checks import check
from xstilts.cell.encoder import unsuitable
from xstilts.cell.given_head import given_head
from xstilts.cell.resolve import ResolvedCell, readable, resolve
from xstilts.config import Config, ModelConfig
from xstilts.encoders import is_path, local_path, read_config
from xstilts.errors import UserError
from xstilts.paths import checksum_cache
from xstilts.sources import TaskSource
from xstilts.sources.fetch import fetch, fetch_model, pinned
from xstilts.sources.generated import generate
from xstilts.sources.hub import Checksum
from xstilts.sources.splits import DataSplit
from xstilts.store.checksums import file_sha256
from xstilts.store.files import disk_full_as_user_error
from xstilts.tasks.declaration import TrainingTask


@dataclass(frozen=True)
class NeededSplit:
    """A split of a task that a cell reads."""

    source: TaskSource
    split: str
    languages: list[str] | None
    """None: all that have data."""


def fetched(cell: ResolvedCell) -> ResolvedCell:
    """The cell with all that it needs on this disk: revisions of data sets as commits, the model as a folder.

    UserError where the model does not fit the cell, which its files show, before data is downloaded.
    """
    config = cell.config
    model = local_model(config)
    if model != config.model:
        config = replace(config, model=model)
        cell = check(config)
    pretraining, intermediate, target = config.pretraining, config.intermediate, config.target
    if cell.encoder.trained:
        pretraining = replace(pretraining, tasks=_pinned(config, pretraining.tasks))
    intermediate = replace(intermediate, tasks=_pinned(config, intermediate.tasks))
    target = replace(target, task=pinned(target.task, config.data), training=_pinned(config, target.training))
    if (pretraining, intermediate, target) != (config.pretraining, config.intermediate, config.target):
        cell = resolve(replace(config, pretraining=pretraining, intermediate=intermediate, target=target))
    for item in needed(cell):
        download(item, cell.config)
    return cell


def download(item: NeededSplit, config: Config) -> None:
    """Bring one split to this disk, or make it; nothing to do for the user's files."""
    with disk_full_as_user_error(Path(config.data.root or "")):
        generate(item.source, item.split, item.languages)
    fetch(item.source, item.split, item.languages, _checksum(config))


def needed(cell: ResolvedCell) -> Iterator[NeededSplit]:
    """Every split that the cell reads."""
    for phase in cell.phases:
        for task in phase.tasks.values():
            expressions = (task.used.train, task.used.validation) if task.validates else (task.used.train,)
            for split in dict.fromkeys(task.splits[expression] for expression in expressions):
                if task.source:
                    yield NeededSplit(task.source, split, task.used.languages)
    for split in cell.target.splits:
        yield NeededSplit(readable(cell.target), split, cell.config.target.languages)
    chosen = cell.config.target.few_shot
    if chosen.language:
        yield NeededSplit(readable(cell.target), DataSplit(chosen.split, []).name, [chosen.language])


def local_model(config: Config) -> ModelConfig:
    """The model with folders in place of Hub ids. The revision is the encoder's, or the tokenizer's where that stands alone."""
    model, checksum = config.model, _checksum(config)
    encoder, tokenizer = model.name_or_path, model.tokenizer
    if encoder and not is_path(encoder):
        encoder = str(_fetched_encoder(config, encoder, checksum))
    elif encoder:
        encoder = str(local_path(encoder))
    if tokenizer and is_path(tokenizer):
        tokenizer = str(local_path(tokenizer))
    elif tokenizer:
        revision = model.revision if model.name_or_path in (None, model.tokenizer) else None
        tokenizer = str(fetch_model(tokenizer, revision or model.pinned.get(tokenizer), False, checksum))
    if (encoder, tokenizer) == (model.name_or_path, model.tokenizer):
        return model
    return replace(model, name_or_path=encoder, tokenizer=tokenizer, revision=None)


def _fetched_encoder(config: Config, name: str, checksum: Checksum) -> Path:
    """The folder of the encoder `name` of the Hub. Its small files come first: weights of no use are not downloaded."""
    revision = config.model.revision or config.model.pinned.get(name)
    folder = fetch_model(name, revision, False, checksum)
    values = read_config(folder)
    if problem := unsuitable(name, values, config):
        raise UserError(problem)
    given_head(config, values)
    return fetch_model(name, revision, True, checksum)


def _pinned(config: Config, tasks: dict[str, TrainingTask]) -> dict[str, TrainingTask]:
    return {name: replace(training, task=pinned(training.task, config.data)) for name, training in tasks.items()}


def _checksum(config: Config) -> Checksum:
    cache = checksum_cache(Path(config.store.root).absolute())
    return lambda path: file_sha256(path, cache)
