"""Training examples with shuffled labels: a control with the text and the steps of a task, but nothing to learn about it."""

from random import Random
from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.sources.subset import order_key
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of, formats

if TYPE_CHECKING:
    from datasets import Dataset


def shuffling_problem(task: Task) -> str | None:
    """Return why the labels of a task cannot be shuffled, or None."""
    if format_of(task).shuffled:
        return None
    able = ", ".join(name for name, format in formats().items() if format.shuffled)
    return f"a task of the format {task.format} has no labels that can be shuffled, expected one of {able}"


def shuffled(examples: "Dataset", task: Task, draw: int) -> "Dataset":
    """Return the examples with their golds shuffled within each language, by the declaration of the task's format.

    The result depends on `draw`, languages and ids, and not on the order of the examples. Examples without gold stay as they are.
    UserError for a format without labels.
    """
    import pyarrow
    from datasets import Dataset

    if problem := shuffling_problem(task):
        raise UserError(f"shuffle_labels: {problem}")
    format = format_of(task)
    assert format.shuffled and format.gold
    rows_of: dict[str, list[int]] = {}
    golds, ids = examples[format.gold][:], examples["id"][:]
    for row, language in enumerate(examples["language"][:]):
        if golds[row] is not None:
            rows_of.setdefault(language, []).append(row)
    for language, rows in rows_of.items():
        rows.sort(key=lambda row: order_key(language, ids[row], draw))
        new = format.shuffled(examples.select(rows).to_list(), Random(f"{draw} {language}"))
        for row, gold in zip(rows, new, strict=True):
            golds[row] = gold
    table = examples.with_format("arrow")[:]
    column = table.schema.get_field_index(format.gold)
    field = format.features.arrow_schema.field(format.gold)
    return Dataset(table.set_column(column, field, pyarrow.array(golds, field.type)))
