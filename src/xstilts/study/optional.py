"""Leave out alternatives of a study whose data does not exist: unpublished translations, languages that a world does not have."""

import logging
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from omegaconf import DictConfig

from xstilts.cell.checks import intermediate_problems
from xstilts.cell.resolve import resolve
from xstilts.errors import UserError
from xstilts.launch.cells import to_schema

log = logging.getLogger("xstilts")

NAME = "intermediate.name="
"""The override by which a cell of a study names its alternative."""


def without_impossible(
    grid: Sequence[tuple[str, ...]], compose: Callable[[Sequence[str]], DictConfig], patterns: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the cells without those of optional alternatives that cannot be trained, and log these in one line.

    `patterns`: names of optional alternatives, with `*` for any text. One cell of each is composed and checked.
    """
    first: dict[str, tuple[str, ...]] = {}
    for cell in grid:
        if (name := _alternative(cell)) and any(fnmatchcase(name, pattern) for pattern in patterns):
            first.setdefault(name, cell)
    problems = {name: _problem(cell, compose) for name, cell in first.items()}
    missing = [name for name, problem in problems.items() if problem]
    if missing:
        log.info(f"left out, because their data does not exist: {', '.join(missing)} ({missing[0]}: {problems[missing[0]]})")
    return [cell for cell in grid if _alternative(cell) not in missing]


def _alternative(cell: Sequence[str]) -> str:
    return next((word.removeprefix(NAME) for word in cell if word.startswith(NAME)), "")


def _problem(cell: tuple[str, ...], compose: Callable[[Sequence[str]], DictConfig]) -> str:
    """Return the first thing that is wrong with the alternative; empty if nothing is."""
    try:
        return next(intermediate_problems(resolve(to_schema(compose(cell)))), "")
    except UserError as error:
        return str(error).splitlines()[0]
