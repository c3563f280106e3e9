"""Read the labels of a task from a file of its data, if a licence forbids to publish them in its declaration (CCGbank)."""

from dataclasses import replace

from xstilts.config import Config, DataConfig
from xstilts.errors import UserError
from xstilts.sources.files import roots_of, source_name
from xstilts.sources.raw import json_document
from xstilts.sources.surrogates import check_surrogates
from xstilts.tasks.declaration import Task


def with_labels(task: Task, data: DataConfig) -> Task:
    """Return the task with the labels of its `labels_file` in the order of their numbers; unchanged if it has no such file.

    Raises UserError if the file is missing or its numbers are not 0, 1, 2, ...
    """
    source = task.sources.get(source_name(task, data))
    if task.labels_file is None or task.labels or source is None or source.unusable:  # the last two are reported elsewhere
        return task
    tried = [root / task.labels_file for root in roots_of(data)]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        raise UserError(f"no labels of task '{task.name}': looked for {', '.join(map(str, tried))}; put the file there")
    numbers = json_document(path)
    check_surrogates(numbers, str(path))
    if "" in numbers:
        raise UserError(f"{path}: got an empty label, expected labels of one character or more")
    if not numbers or sorted(numbers.values(), key=str) != sorted(range(len(numbers)), key=str):
        raise UserError(
            f"{path}: expected a JSON object label -> number with the numbers 0 to {max(len(numbers) - 1, 0)}, each once"
        )
    return replace(task, labels=sorted(numbers, key=lambda label: int(numbers[label])))


def resolve_labels(config: Config) -> None:
    """Read the labels of every task of the config from its file, in place."""
    for training in [*config.intermediate.tasks.values(), *config.target.training.values()]:
        training.task = with_labels(training.task, config.data)
    config.target.task = with_labels(config.target.task, config.data)
