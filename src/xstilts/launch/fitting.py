"""Options of single tasks in a grid: they apply to the cells that have the task, and to no other."""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from xstilts.errors import UserError
from xstilts.numbering import counted

log = logging.getLogger("xstilts")

Cell = tuple[str, ...]
TASKS_FOLLOW = ("data", "intermediate", "pretraining", "target")
"""Groups whose choice says which tasks a cell has."""
_OF_A_TASK = re.compile(r"~?((?:pretraining|intermediate)\.tasks|target\.training)\.([^.=]+)(?:[.=]|$)")
_OF_EVERY_TASK = ("intermediate.max_examples=", "intermediate.draw=", "intermediate.parallel=")
"""Options of all intermediate tasks, which a cell without one does not have."""
_CHOICE = re.compile(r"[+~]*[\w/@-]+=")
"""An option that may choose tasks: the name of a group."""


def of_cells(words: list[str]) -> list[str]:
    """The overrides of a grid, so that Hydra sets options of single tasks in the cells alone: `key=1` becomes `key=choice(1)`.

    Hydra sets what has one value in the config of the sweep too, which has none of the tasks that the grid varies.
    """
    overrides = OverridesParser.create().parse_overrides(words)
    if not any(
        override.key_or_group == "experiments" or (override.key_or_group in TASKS_FOLLOW and override.is_sweep_override())
        for override in overrides
    ):
        return words
    return [
        f"{word.partition('=')[0]}=choice({word.partition('=')[2]})"
        if _OF_A_TASK.match(word) and "=" in word and not override.is_delete() and not override.is_sweep_override()
        else word
        for word, override in zip(words, overrides, strict=True)
    ]


def fitted(
    grid: Iterable[Cell], options: Sequence[str], compose: Callable[[Sequence[str]], DictConfig], declared: Collection[str] = ()
) -> list[Cell]:
    """The cells, each once, without those of the `options` that are of a task that the cell does not have.

    Says of each such option once how many cells go without it, and raises UserError for one that fits no cell; not of options
    whose key is `declared` in a study, of whose tasks a grid may have a part.
    """
    cells = list(grid)
    tables: dict[Cell, dict[str, list[str]]] = {}

    def has(cell: Cell, table: str, task: str | None) -> bool:
        chosen = tuple(word for word in cell if _CHOICE.match(word) and not word.startswith("seed="))
        if chosen not in tables:
            config = compose(chosen)
            names = ("pretraining.tasks", "intermediate.tasks", "target.training")
            tables[chosen] = {name: list(map(str, OmegaConf.select(config, name) or {})) for name in names}
        return bool(tables[chosen][table]) if task is None else task in tables[chosen][table]

    for option in options:
        table, task = _task_of(option)
        if table is None:
            continue
        without = {cell for cell in cells if option in cell and not has(cell, table, task)}
        if option.partition("=")[0] in declared:
            pass
        elif without and len(without) == sum(option in cell for cell in cells):
            known = ", ".join(sorted({name for names in tables.values() for name in names[table]})) or "none"
            missing = f"the task '{task}'" if task else "a task"
            raise UserError(f"{option}: no cell has {missing} in {table}: they have {known}")
        elif without:
            lacking = f"the task {task}" if task else "an intermediate task"
            log.info(f"{option}: left out in {len(without)} of {counted(len(cells), 'cell')}, those without {lacking}")
        cells = [tuple(word for word in cell if word != option) if cell in without else cell for cell in cells]
    return list(dict.fromkeys(cells))


def _task_of(option: str) -> tuple[str | None, str | None]:
    """The table and the task of an option; no task where it is of all tasks of the table, no table where it is of no task."""
    if option.startswith(_OF_EVERY_TASK):
        return "intermediate.tasks", None
    found = _OF_A_TASK.match(option)
    return (found[1], found[2]) if found else (None, None)
