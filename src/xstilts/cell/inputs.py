"""Bring all that a cell needs to this disk, before any worker starts: workers need no network. No torch.

Data sets and models come from the Hub; the data of a synthetic world is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts import recipes
from xstilts.cell.checks.encoder import unsuitable
from xstilts.cell.encoder_identity import trains_encoder
from xstilts.config import Config, ModelConfig
from xstilts.encoders import is_path, local_path
from xstilts.errors import UserError
from xstilts.paths import checksum_cache
from xstilts.sources import parse_split
from xstilts.sources.fetch import fetch, fetch_model, pinned
from xstilts.sources.generated import generate
from xstilts.sources.hub import Checksum
from xstilts.store.checksums import file_sha256
from xstilts.store.files import disk_full_as_user_error
from xstilts.tasks.declaration import Task, TrainingTask


@dataclass(frozen=True)
class Wanted:
    """A split of a task that a cell reads."""

    task: Task
    split: str
    languages: list[str] | None
    """None: all that have data."""


def ensure(config: Config) -> Config:
    """The config with all that it needs on this disk: revisions of data sets as commits, the model as a folder."""
    config = replace(config, model=local_model(config))
    if trains_encoder(config.model):
        config = replace(config, pretraining=replace(config.pretraining, tasks=_pinned(config, config.pretraining.tasks)))
    config = replace(
        config,
        intermediate=replace(config.intermediate, tasks=_pinned(config, config.intermediate.tasks)),
        target=replace(
            config.target, task=pinned(config.target.task, config.data), training=_pinned(config, config.target.training)
        ),
    )
    for item in wanted(config):
        download(config, item)
    return config


def download(config: Config, item: Wanted) -> None:
    """Bring one split to this disk, or make it; of the user's own files, nothing to do."""
    with disk_full_as_user_error(Path(config.data.root or "")):
        generate(item.task, config.data, item.split, item.languages)
    fetch(item.task, config.data, item.split, item.languages, _checksum(config))


def wanted(config: Config) -> Iterator[Wanted]:
    """Every split that the cell reads."""
    recipe, pretraining, intermediate, target = config.recipe, config.pretraining, config.intermediate, config.target
    phases = [(pretraining.tasks, recipes.for_pretraining(recipe, pretraining.recipe))] if trains_encoder(config.model) else []
    if intermediate.tasks:
        phases.append((intermediate.tasks, recipes.for_phase(recipe, intermediate.tasks, intermediate.recipe, intermediate=True)))
    if target.training:
        phases.append((target.training, recipes.for_phase(recipe, target.training, target.recipe)))
    for tasks, chosen in phases:
        for training in tasks.values():
            expressions = [training.train]
            if chosen.selection == "best" or chosen.eval_every:
                expressions.append(training.validation)
            for split in dict.fromkeys(parse_split(expression)[0] for expression in expressions):
                yield Wanted(training.task, split, training.languages)
    for split in target.splits or target.task.evaluate:
        yield Wanted(target.task, split, target.languages)


def local_model(config: Config) -> ModelConfig:
    """The model with folders in place of Hub ids. The revision is the encoder's, or the tokenizer's where that stands alone."""
    model, checksum = config.model, _checksum(config)
    encoder, tokenizer = model.name_or_path, model.tokenizer
    if encoder and not is_path(encoder):
        encoder = str(_fetched(model, encoder, checksum))
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


def _fetched(model: ModelConfig, name: str, checksum: Checksum) -> Path:
    """The folder of the encoder `name` of the Hub. Its small files come first: weights of no use are not downloaded."""
    revision = model.revision or model.pinned.get(name)
    folder = fetch_model(name, revision, False, checksum)
    if problem := unsuitable(name, folder):
        raise UserError(problem)
    return fetch_model(name, revision, True, checksum)


def _pinned(config: Config, tasks: dict[str, TrainingTask]) -> dict[str, TrainingTask]:
    return {name: replace(training, task=pinned(training.task, config.data)) for name, training in tasks.items()}


def _checksum(config: Config) -> Checksum:
    cache = checksum_cache(Path(config.store.root).absolute())
    return lambda path: file_sha256(path, cache)
