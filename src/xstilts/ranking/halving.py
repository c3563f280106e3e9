"""Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943) over intermediate choices: many short runs, few longer ones.

A rung is a grid of phases 2 and 3 with a small number of optimizer steps and nothing else different, so its artifacts have
fingerprints, places in the store and checkpoints like all others. Its score is that of phase 3 on the validation examples of the
target's training task, in the source language. Nothing is evaluated in other languages, and no test set is read.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.cell.phases import CellPlan
from xstilts.config import AFTER_TRAINING, Config
from xstilts.errors import UserError, combined
from xstilts.jobs import TrainingJob
from xstilts.launch.compose import composed_grid
from xstilts.paths import METADATA
from xstilts.reporting.comparison import BASELINE
from xstilts.store.files import read_json_object
from xstilts.study import cost
from xstilts.study.grid import PlannedCell
from xstilts.study.sweep import preview

ScoresByChoice = Mapping[str, Mapping[int, float]]
"""Intermediate choice -> seed -> validation score."""
Cells = Mapping[str, Mapping[int, PlannedCell]]
"""Intermediate choice -> seed -> cell."""
CHOICE, ONLY = "+intermediate=", "hydra.sweeper.only="
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rung:
    """One rung: its optimizer steps of each phase, and its scores."""

    steps: int
    scores: ScoresByChoice


@dataclass(frozen=True)
class Standing:
    """A choice in the ranking, by its last rung."""

    choice: str
    steps: int
    score: float
    """Mean over seeds."""
    error: float | None
    """Half of the width of its 95 % interval over seeds; None with one seed."""
    level: bool | None
    """True if it cannot be told from the best task of its last rung; None with one seed."""


def chosen(config: Config) -> str:
    """Return the name of a cell's intermediate choice."""
    return config.intermediate.name or "+".join(config.intermediate.tasks) or BASELINE


def planned(words: Sequence[str]) -> dict[str, dict[int, PlannedCell]]:
    """Plan the grid of these words: intermediate choice -> seed -> cell.

    UserError where a cell cannot be run, for more than one target, for a target that is not trained, and for a grid that varies
    anything else than intermediate choice and seed.
    """
    with composed_grid(words) as grid:
        cells, _ = preview(*grid)
    if problems := [cell.problem for cell in cells if cell.problem]:
        raise combined(problems)
    found: dict[str, dict[int, PlannedCell]] = {}
    targets: set[str] = set()
    for cell in cells:
        assert cell.config is not None
        targets.add(cell.config.target.task.name)
        by_seed = found.setdefault(chosen(cell.config), {})
        if by_seed.setdefault(cell.config.seed, cell) is not cell and len(targets) == 1:
            raise UserError(
                f"two cells of the choice {chosen(cell.config)} have the seed {cell.config.seed}: rank compares intermediate "
                "tasks; give every option but +intermediate and seed one value"
            )
        if not cell.config.target.training:
            name = cell.config.target.task.name
            raise UserError(f"+target={name}: {name} has no training task, so there is nothing to rank by but its test set")
    if len(targets) > 1:
        raise UserError(f"got the targets {', '.join(sorted(targets))}, expected one: type a command for each")
    if len(tasks := [choice for choice in found if choice != BASELINE]) < 2:
        got = tasks[0] if tasks else "none"
        raise UserError(f"got {got}, expected two or more intermediate tasks to rank: type +intermediate=A,B,C")
    return found


def rung_words(words: Sequence[str], cells: Cells, kept: Sequence[str], steps: int) -> list[str]:
    """The words of a rung: the choices that are `kept`, so many optimizer steps of each phase, one validation at the end."""
    first = [next(iter(cells[choice].values())) for choice in kept]
    tasks = {task for cell in first if cell.config for task in cell.config.intermediate.tasks}
    of_tasks = ("intermediate.tasks.", "~intermediate.tasks.")
    left = [word for word in words if not word.startswith(of_tasks) or word.split(".")[2].partition("=")[0] in tasks]
    if any(word.startswith(CHOICE) for word in left):
        values = [word.removeprefix(CHOICE) for cell in first for word in cell.overrides if word.startswith(CHOICE)]
        left = [word for word in left if not word.startswith(CHOICE)] + [CHOICE + ",".join(values)]
    else:  # a study's alternatives
        left = [word for word in left if not word.startswith(ONLY)] + [f"{ONLY}[{','.join(kept)}]"]
    same = [f"{phase}.recipe.{value}" for phase in ("intermediate", "target") for value in (f"max_steps={steps}", "eval_every=0")]
    return [*left, *same, "intermediate.recipe.selection=last", "target.recipe.selection=best", f"stop_after={AFTER_TRAINING}"]


def validation_scores(cells: Cells) -> dict[str, dict[int, float]]:
    """Return the scores of a rung that has run, from the descriptions of its artifacts."""

    def score(plan: CellPlan) -> float:
        file = plan.training[-1].paths.folder / METADATA
        return float(read_json_object(file, "description of an artifact", "delete the artifact")["validation"][-1]["score"])

    return {choice: {seed: score(cell.plan) for seed, cell in own.items() if cell.plan} for choice, own in cells.items()}


def promoted(scores: ScoresByChoice, keep: float) -> list[str]:
    """Return the choices of the next rung: the best share of the tasks by mean over seeds, at least one, and `none`."""
    tasks = sorted((choice for choice in scores if choice != BASELINE), key=lambda choice: -_mean(scores[choice]))
    best = set(tasks[: max(1, math.ceil(keep * len(tasks)))]) | {BASELINE}
    return [choice for choice in scores if choice in best]


def standings(rungs: Sequence[Rung]) -> list[Standing]:
    """Return the ranking: choices of later rungs first, within a rung the best first.

    Intervals take the variance between seeds of all choices of a rung together.
    """
    last = {choice: rung for rung in rungs for choice in rung.scores}
    found = [_standing(choice, rung) for choice, rung in last.items()]
    return sorted(found, key=lambda one: (-one.steps, -one.score))


def _standing(choice: str, rung: Rung) -> Standing:
    from scipy.stats import t

    own, tasks = rung.scores[choice], [scores for other, scores in rung.scores.items() if other != BASELINE]
    freedom = sum(len(scores) - 1 for scores in rung.scores.values())
    if not freedom:
        return Standing(choice, rung.steps, _mean(own), None, None)
    squares = sum(float(np.sum((np.array(list(one.values())) - _mean(one)) ** 2)) for one in rung.scores.values())
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(squares / freedom)
    best = max(tasks, key=_mean)
    level = abs(_mean(best) - _mean(own)) <= reach * math.sqrt(1 / len(own) + 1 / len(best))
    return Standing(choice, rung.steps, _mean(own), reach / math.sqrt(len(own)), level)


def _mean(by_seed: Mapping[int, float]) -> float:
    return float(np.mean(list(by_seed.values())))


def training_flops(grids: Iterable[Cells]) -> float | None:
    """FLOP of phases 2 and 3 of some grids together, each artifact once, at most; None where they are not known."""
    phases = {phase.paths.fingerprint: phase for cells in grids for plan in _plans(cells) for phase in plan.training}
    parts = [
        part
        for phase in phases.values()
        if isinstance(phase.job, TrainingJob)
        for part in (cost.training_flop(phase.job), cost.validation_flop(phase.job))
    ]
    return _sum(parts)


def full_flops(cells: Cells) -> float | None:
    """FLOP of the whole grid, with its evaluations, at most; None where they are not known."""
    return _sum([training_flops([cells]), *(cost.evaluation_flop(plan.evaluation) for plan in _plans(cells))])


def _plans(cells: Cells) -> list[CellPlan]:
    return [cell.plan for by_seed in cells.values() for cell in by_seed.values() if cell.plan]


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
