"""The names of the tasks in conf/task, and a task's declaration read without Hydra."""

from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from xstilts.errors import UserError, unknown_name
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_names


def task_names(conf_dir: Path) -> list[str]:
    """Return the names of all tasks, sorted: those of the files in `conf_dir`/task."""
    return sorted(path.stem for path in (conf_dir / "task").glob("*.yaml"))


def load_task(conf_dir: Path, name: str) -> Task:
    """Read `conf_dir`/task/`name`.yaml and check it against the schema. Raises UserError for an unknown task or format."""
    names = task_names(conf_dir)
    if name not in names:
        raise UserError(unknown_name("task", name, names))
    declared = cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.load(conf_dir / "task" / f"{name}.yaml")))
    declared.pop("defaults", None)  # a key for Hydra alone
    task = cast(Task, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Task), declared)))
    if task.format not in format_names():
        raise UserError(unknown_name(f"format of task '{name}'", task.format, format_names()))
    return task
