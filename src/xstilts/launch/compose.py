"""Compose a cell's config from Python: by Hydra's compose API, with the checks and the messages of the command line."""

import contextlib
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

import yaml
from hydra import compose, initialize_config_dir, version
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from xstilts import config as schema
from xstilts.errors import UserError
from xstilts.launch import arguments
from xstilts.launch.cells import to_schema
from xstilts.launch.commandline import check_command_line, is_of_hydra, parsed
from xstilts.launch.fitting import of_cells
from xstilts.launch.points import Composer, StudyFile, cells, study_file
from xstilts.launch.wording import plain_errors
from xstilts.paths import conf_dir, task_name_problem
from xstilts.sources.given import json_value
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.declaration import Source, Task

HELD_OUT = {"train": "train:90%", "validation": "train:-10%"}
"""The parts of `train` of a task without a validation split: to train on, and to select the checkpoint by."""


def composed(words: Sequence[str], tasks: Iterable[Task] = ()) -> schema.Config:
    """Compose and resolve the config of one cell from the words that follow `xstilts train`.

    `tasks`: declarations that can be chosen by their names, beside those of the package. UserError, with the lines that the
    command prints, for a wrong name or value, and for a flag other than `--config-dir`. Hydra's global state is afterwards as it
    was before, inside a Hydra application too.
    """
    with _checked(words, tasks) as (given, own), plain_errors():
        return to_schema(compose("train", [*own, *given.overrides]))


@contextlib.contextmanager
def composed_grid(
    words: Sequence[str], tasks: Iterable[Task] = ()
) -> Iterator[tuple[list[tuple[str, ...]], Composer, StudyFile]]:
    """The cells of a grid, from the words that follow `xstilts plan`; what composes them, in the body; and their study file."""
    with _checked([*words, "--multirun"], tasks) as (given, own):
        typed = of_cells(given.overrides)
        overrides = dict(zip(typed, parsed(typed)[0], strict=True))
        of_hydra = [word for word, override in overrides.items() if is_of_hydra(override)]
        of_all_cells = [word for word, override in overrides.items() if not override.is_sweep_override()]
        with plain_errors():
            whole = compose("train", [*own, *of_all_cells], return_hydra_config=True)
        composer = Composer(lambda cell: compose("train", [*own, *of_hydra, *cell]))
        loader = GlobalHydra.instance().config_loader()
        grid = cells(whole.hydra.sweeper, [word for word in typed if word not in of_hydra], composer, loader)
        yield grid, composer, study_file(whole)


@contextlib.contextmanager
def _checked(words: Sequence[str], tasks: Iterable[Task]) -> Iterator[tuple[arguments.Arguments, list[str]]]:
    """The checked words, and the overrides that make Hydra find the user's files, while Hydra is initialised in the body."""
    if wrong := [word for word in words if not isinstance(word, str)]:
        raise UserError(f"got {wrong[0]!r}, expected text such as 'seed=1', each as an argument")
    with _folder_of(tasks) as folder:
        if folder and any(word.startswith(("--config-dir", "-cd")) for word in words):
            raise UserError(
                "--config-dir and Task objects cannot be used together: put the task into the folder, or leave it out"
            )
        given = arguments.read([*words, *([f"--config-dir={folder}"] if folder else [])])
        allowed = ("--config-dir=", *(["--multirun"] if "--multirun" in words[-1:] else []))
        if refused := [flag for flag in given.flags if not flag.startswith(allowed)] + ["--help"] * given.help:
            raise UserError(
                f"got the flag {refused[0]}, expected overrides such as seed=1: Python takes no flag but --config-dir"
            )
        schema.register()
        check_command_line(given, "train")
        own = [f"hydra.searchpath=['file://{Path(given.config_dir).absolute()}']"] if given.config_dir else []
        with _apart_from_other_apps():
            yield given, own


@contextlib.contextmanager
def _apart_from_other_apps() -> Iterator[None]:
    """Initialise Hydra with our configs while in the body; a Hydra application in this process gets its state back."""
    state, base = GlobalHydra.instance(), version.getbase()
    running = state.hydra
    state.clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        if running is not None:
            GlobalHydra.instance().initialize(running)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the application was warned of its base when it chose it
                version.setbase(str(base))


def typed_task(values: Mapping[str, object]) -> Task:
    """Make a Task of the values of its fields. UserError for a value of another type."""
    try:
        with plain_errors():
            given = OmegaConf.merge(OmegaConf.structured(Task), dict(values))
            plain = json_value(OmegaConf.to_container(given))  # a Path becomes a text
            typed = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Task), plain))
    except UserError as error:
        raise UserError(f"task {values.get('name')}: {error}") from None
    assert isinstance(typed, Task)
    return typed


@contextlib.contextmanager
def _folder_of(tasks: Iterable[Task]) -> Iterator[Path | None]:
    """A temporary folder for `--config-dir` that offers the tasks, as intermediate tasks and as targets; None if there are none.

    UserError for two different tasks of one name.
    """
    declared: dict[str, Task] = {}
    for task in map(typed_task, map(vars, tasks)):
        if problem := task_name_problem(task.name):
            raise UserError(f"task name: {problem}")
        if any((conf_dir() / group / f"{task.name}.yaml").exists() for group in ("task", "intermediate", "target")):
            raise UserError(f"task name: the package has a '{task.name}' already: give the Task another name")
        if declared.setdefault(task.name, task) != task:
            raise UserError(f"two different tasks have the name '{task.name}': give one of them another name")
    if not declared:
        yield None
        return
    folder = Path(mkdtemp(prefix="xstilts-tasks-"))
    try:
        for task in declared.values():
            _write_choices(folder, task)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_choices(folder: Path, task: Task) -> None:
    """Write the files task/NAME.yaml, intermediate/NAME.yaml and target/NAME.yaml."""
    training = _training_of(task)
    _write(folder / "task", task.name, {"defaults": ["schema", "_self_"], **without_defaults(task)})
    used = {"defaults": [{f"/task@tasks.{task.name}.task": task.name}, "_self_"], "tasks": {task.name: training or {}}}
    _write(folder / "intermediate", task.name, used)
    trained = [{f"/task@training.{task.name}.task": task.name}, "_self_"] if training is not None else []
    target = {"defaults": [{"/task@task": task.name}, *trained]}
    _write(folder / "target", task.name, target | ({"training": {task.name: training}} if training is not None else {}))


def _training_of(task: Task) -> dict[str, object] | None:
    """The options of training on the task's examples; None if it has none. Without a validation split a tenth is held out."""
    languages = {split: _languages(task, split) for split in ("train", "validation")}
    if not languages["train"]:
        return None
    held_out = {} if set(languages["train"]) <= set(languages["validation"]) else HELD_OUT
    return {"languages": languages["train"], **held_out}


def _languages(task: Task, split: str) -> list[str]:
    """The languages for which any source of the task declares files, or a generator, of the split."""

    def of(source: Source) -> list[str]:
        if source.generator:
            return task.languages if split in source.generator.rows else []
        files = source.files.get(split, {})
        return task.languages if isinstance(files, str) or "*" in files else list(files)

    declared = {language for source in task.sources.values() for language in of(source)}
    return [language for language in task.languages if language in declared]


def _write(folder: Path, name: str, content: Mapping[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
