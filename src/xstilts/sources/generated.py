"""Generate examples of a synthetic world as files, which are then read like those of any other source. No torch.

`resolve_generated` turns a source with a generator into a source with files; `generate` writes missing files. They are stored
under `<store.root>/worlds/<digest>/<task>/`; the digest hashes everything that determines their content.
"""

import hashlib
import inspect
import json
import pkgutil
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from xstilts.babel import generators
from xstilts.babel.check import NO_LANGUAGES
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.world import VERSION, World
from xstilts.config import Config, DataConfig
from xstilts.errors import UserError, unknown_name
from xstilts.sources.files import TaskSource, source_name
from xstilts.sources.placeholders import fill
from xstilts.tasks.declaration import Generator, Source, Task, TrainingTask

READER = "examples"


def resolve_generated(config: Config) -> None:
    """Set languages, labels and files of every task that `data.world` generates, in place.

    Training tasks without a language train on the pivot, or on all languages in pretraining and if the task lacks the pivot.
    Training tasks without a part of `train` get the share of the target or of the intermediate tasks. Raises UserError for a
    world without languages, an unknown generator or an unknown option.
    """
    training = (config.pretraining.tasks, config.intermediate.tasks, config.target.training)
    every = [config.target.task, *(used.task for tasks in training for used in tasks.values())]
    if not any(_generator_of(task, config.data) for task in every):
        return
    world = config.data.world
    if not world.languages:
        raise UserError(NO_LANGUAGES)
    if 0 < world.target_share < 100:  # other values are reported by the checks
        parts = ("train", f"train:{100 - world.target_share}%", f"train:-{world.target_share}%")
    else:
        parts = ("train", "train", "train")
    for tasks, part in zip(training, parts, strict=True):
        for used in tasks.values():
            _resolve_training(used, config.data, part, everything=tasks is config.pretraining.tasks)
    config.target.task = _resolved(config.target.task, config.data)
    config.data = replace(config.data, root=str(Path(config.store.root).absolute() / "worlds"))


def _resolve_training(used: TrainingTask, data: DataConfig, part: str, everything: bool) -> None:
    if not _generator_of(used.task, data):
        return
    used.task = _resolved(used.task, data)
    default = TrainingTask()
    if used.languages == default.languages:
        pivot = next(iter(data.world.languages))
        used.languages = [pivot] if pivot in used.task.languages and not everything else list(used.task.languages)
    if used.train == default.train:
        used.train = part


def _resolved(task: Task, data: DataConfig) -> Task:
    """Return the task in the world's languages, with the paths of its files."""
    declared = _generator_of(task, data)
    if declared is None:
        return task
    name, module, world = source_name(task, data), _module(declared), data.world
    folder = f"{_digest(world, declared)}/{task.name}"
    source = replace(
        task.sources[name], reader=READER, files={split: f"{folder}/{split}-{{language}}.jsonl" for split in declared.rows}
    )
    resolved = replace(
        task,
        languages=list(module.languages(world) if hasattr(module, "languages") else world.languages),
        sources=task.sources | {name: source},
    )
    if task.labels_file is not None and hasattr(module, "labels"):
        return replace(resolved, labels=list(module.labels(world)), labels_file=None)
    return resolved


def generate(source: TaskSource, split: str, languages: Iterable[str] | None) -> list[Path]:
    """Write missing files of a split in some languages (None: all of the task's); return the paths of all of them.

    Two processes may do this at once: both write the same. Returns [] for a source without a generator. Raises UserError for a
    language that the task does not have.
    """
    task, declared, data = source.task, source.declared, source.data
    if declared.generator is None or split not in declared.files:
        return []
    wanted = task.languages if languages is None else list(languages)
    paths = {language: file_of(declared, data, split, language) for language in wanted}
    for language, path in paths.items():
        if language not in task.languages:
            raise UserError(unknown_name(f"language of task '{task.name}'", language, task.languages))
        if not path.is_file():
            _write(path, _examples(declared.generator, data.world, split, language))
    return list(paths.values())


def file_of(source: Source, data: DataConfig, split: str, language: str) -> Path:
    """Return the file of a generated source, whether it exists or not."""
    return Path(data.root or "") / (fill(source.files[split], language) or "")


def _examples(declared: Generator, config: WorldConfig, split: str, language: str) -> Iterator[dict[str, Any]]:
    count = max(1, round(declared.rows[split] * config.rows))
    yield from _module(declared).examples(_world(_canonical(config)), split, language, count, **declared.options)


def _write(path: Path, examples: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(example, ensure_ascii=False) + "\n" for example in examples)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _generator_of(task: Task, data: DataConfig) -> Generator | None:
    source = task.sources.get(source_name(task, data))
    return source.generator if source and not source.unusable else None


def _module(declared: Generator) -> ModuleType:
    name = f"{generators.__name__}.{declared.name}"
    try:
        module = generators.generator_module(declared.name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        have = [module.name for module in pkgutil.iter_modules(generators.__path__)]
        raise UserError(unknown_name("generator", declared.name, have)) from None
    options = list(inspect.signature(module.examples).parameters)[4:]  # after world, split, language and count
    for option in declared.options:
        if option not in options:
            raise UserError(unknown_name(f"option of the generator '{declared.name}'", option, options))
    return module


def _digest(world: WorldConfig, declared: Generator) -> str:
    text = json.dumps([_canonical(world), asdict(declared), VERSION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(world: WorldConfig) -> str:
    """Return the world as JSON with its languages in order: the first is the pivot."""
    return json.dumps({**asdict(world), "languages": [[code, asdict(entry)] for code, entry in world.languages.items()]})


@lru_cache(maxsize=4)
def _world(canonical: str) -> World:
    values = json.loads(canonical)
    return World(WorldConfig(**values | {"languages": {code: Language(**entry) for code, entry in values["languages"]}}))
