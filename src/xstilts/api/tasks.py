"""Tasks of a program's own tables, and the examples of tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.cell import inputs
from xstilts.cell.checks.places import cannot_be_made
from xstilts.cell.checks.tasks import task_problems
from xstilts.config import Config, DataConfig
from xstilts.errors import UserError, combined, unknown_name
from xstilts.launch.compose import composed, typed_task
from xstilts.paths import conf_dir, task_name_problem
from xstilts.sources import TaskSource, languages_with_data, parse_split, source_of
from xstilts.sources.fetch import pinned
from xstilts.sources.files import ANY_SOURCE
from xstilts.sources.given import json_value, write_given
from xstilts.store.files import disk_full_as_user_error
from xstilts.tasks import declaration
from xstilts.tasks.catalogue import task_names
from xstilts.tasks.formats import format_named, format_names

if TYPE_CHECKING:
    from datasets import Dataset

    from xstilts.sources.given import Given


class Task(declaration.Task):
    """The declaration of a task: the fields of a file in conf/task. `run` and `load_examples` take such objects."""

    @classmethod
    def from_dataset(
        cls,
        name: str,
        format: str,
        *,
        train: "Given | None" = None,
        validation: "Given | None" = None,
        test: "Given | None" = None,
        language: str = "en",
        columns: Mapping[str, str | int | list[str | int]] | None = None,
        store: str | Path = "store",
        **declared: Any,
    ) -> "Task":
        """Make a task of pandas DataFrames or datasets.Dataset objects, one for each split, or a dict language -> object.

        The columns are the fields of the format (docs/own_readers.md), or `columns` says which field comes from which column. An
        object with a column `language` holds several languages; without one its language is `language`. `declared`: further
        fields of the declaration, such as `labels`, `metrics` (by default the format's) or `protocol`.

        The rows are written as JSON lines under `store`, in a folder named by their hash, and checked like all files.
        UserError, with file and line, for what does not fit. Without a validation split, the last tenth of `train` selects the
        checkpoint.
        """
        if problem := task_name_problem(str(name)):
            raise UserError(f"task name: {problem}")
        given = {"train": train, "validation": validation, "test": test}
        splits = {split: tables for split, tables in given.items() if tables is not None}
        if not splits:
            raise UserError(f"task {name}: got no examples, expected train, validation or test")
        known = [key for key in cls.__dataclass_fields__ if key not in ("name", "format", "sources")]
        if wrong := [key for key in declared if key not in known]:
            raise UserError(unknown_name(f"field of task {name}", wrong[0], known))
        if format not in format_names():
            raise UserError(unknown_name(f"format of task {name}", format, format_names()))
        if problem := cannot_be_made(Path(store)):
            raise UserError(f"store={store}: {problem}; name a folder that can be made")
        with disk_full_as_user_error(Path(store)):
            files = write_given(Path(store), splits, language)
        evaluate = [split for split in ("validation", "test") if split in files]
        values: dict[str, Any] = {
            "name": name,
            "format": format,
            "languages": list(dict.fromkeys(code for codes in files.values() for code in codes)),
            "metrics": _default_metrics(format, declared.get("protocol")),
            **({"evaluate": evaluate} if evaluate else {}),
            "sources": {ANY_SOURCE: {"files": files, "columns": columns or {}}},
            **{key: json_value(value) for key, value in declared.items()},
        }
        task = cls(**vars(typed_task(values)))
        source = source_of(task, DataConfig())
        if problems := list(task_problems(task, source)):
            raise combined(problems)
        from xstilts.sources.load import load

        for split, codes in files.items():
            load(source, split, codes)
        return task


def _default_metrics(format: str, protocol: str | None) -> list[str]:
    found = format_named(format)
    metric = found.protocols[protocol].default_metric if protocol and protocol in found.protocols else found.default_metric
    return [metric] if metric else []


def load_examples(
    task: "str | declaration.Task",
    *overrides: str,
    language: str | Sequence[str] | None = None,
    split: str = "test",
    data: str = "hub",
    root: str | Path | None = None,
) -> "Dataset":
    """Read the examples of a task's split, with all checks, in the schema of the task's format.

    `language`: one or several; None: all that have data. `split` may be a part of one (`"train:10%"`). `data` and `root` are
    `data=` and `data.root=` of the command line; `overrides`: further words. Data of the Hub is downloaded, data of a synthetic
    world made. UserError, naming file and line or id, for what is wrong with the data.
    """
    from xstilts.sources.load import load

    words = [f"data={data}", *([f"data.root={_quoted(root)}"] if root is not None else []), *overrides]
    chosen = [] if language is None else language
    wanted = list(chosen) if isinstance(chosen, Sequence) and not isinstance(chosen, str) else [chosen]
    if wrong := [name for name in (split, *wanted) if not isinstance(name, str)]:
        raise UserError(f"got {wrong[0]!r}, expected the name of a split or a language")
    if isinstance(task, str):
        if task not in (names := task_names(conf_dir())):
            raise UserError(unknown_name("task", task, names))
        config, source = chosen_task(task, words)
    elif not isinstance(task, declaration.Task):
        raise UserError(f"got {task!r}, expected the name of a task or a Task")
    else:
        config, source = chosen_task(task.name, words, [task])
    whole, _, _ = parse_split(split)
    languages = list(wanted or languages_with_data(source, whole)) or source.task.languages
    inputs.download(inputs.NeededSplit(source, whole, languages), config)
    return load(source, split, languages)


def chosen_task(name: str, words: Sequence[str], tasks: Sequence[declaration.Task] = ()) -> tuple[Config, TaskSource]:
    """The config with the task as its target, and the source of the task that the words select. UserError for wrong words."""
    config = composed([f"+task@target.task={name}", *words], tasks)
    return config, source_of(pinned(config.target.task, config.data), config.data)


def _quoted(path: str | Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
