"""Run a sweep over a grid, or show its plan: plans every cell, runs the waves, and reports how each unit ended.

Hydra's sweeper (hydra_plugins.xstilts.sweeper) calls it; `compose` and `launch` are Hydra's side of it.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from omegaconf import DictConfig

from xstilts.cell.checks import check
from xstilts.cell.phases import Phase, plan
from xstilts.cell.resolve import ResolvedCell
from xstilts.cell.run import check_stored, data_problems, unread_data
from xstilts.config import Config
from xstilts.errors import UserError, combined, print_error
from xstilts.jobs import TrainingJob, UnreadSplit
from xstilts.launch.cells import begun, failures, log_to_stderr, to_schema
from xstilts.launch.points import StudyFile
from xstilts.numbering import counted
from xstilts.paths import results_dir, sweep_summary
from xstilts.reporting import declared
from xstilts.reporting.problems import last_sweep
from xstilts.store import neighbours
from xstilts.store.files import write_json
from xstilts.study import combinations, cost, grid, progress, questions
from xstilts.study.detectable import detectable
from xstilts.study.grid import PlannedCell, Unit
from xstilts.study.smallest import SINGLE_SEED, assumptions, declared_effects, grid_effects, new_table
from xstilts.study.steps import steps_of_phase_2

if TYPE_CHECKING:
    from rich.table import Table

log = logging.getLogger("xstilts")

Overrides = Sequence[str]
Compose = Callable[[Overrides], DictConfig]
Launch = Callable[[Sequence[Overrides]], list[str | None]]

WIDTH = max(map(len, grid.BROKEN))
TFLOPS = 100.0
"""The speed of a GPU that hours are estimated for: about a third of the dense bfloat16 peak of an A100."""
FLOP_OF_AN_HOUR = TFLOPS * 1e12 * 3600


def plan_grid(
    grid_: Sequence[tuple[str, ...]],
    compose: Compose,
    download: bool,
    study: StudyFile,
    impossible: Callable[[Config], Iterable[str]] = lambda _: (),
) -> list[PlannedCell]:
    """The plan of every cell; a cell with a problem has none and stops no other.

    All cells are checked before the data of any is looked at. `study`: the file that the grid comes from. `impossible`: further
    problems of a config. UserError where no cell can be planned, and for a declared question that the grid cannot answer.
    """
    begun.append(True)
    resolved: dict[tuple[str, ...], ResolvedCell] = {}
    configs: list[Config] = []
    cells: list[PlannedCell] = []
    for overrides in grid_:
        try:
            configs.append(to_schema(compose(overrides)))
            cell = check(configs[-1])
            if problems := list(impossible(cell.config)):
                raise combined(problems)
            resolved[overrides] = cell
            cells.append(PlannedCell(overrides, cell.config))
        except UserError as error:
            cells.append(PlannedCell(overrides, problem=str(error)))
    _refuse_if_all_are_bad(cells)
    if wrong := questions.problems(configs[0].analysis, list(resolved.values()), configs, study):
        raise combined(wrong)
    cells = [_with_plan(cell, resolved[cell.overrides], download) if cell.config else cell for cell in cells]
    _refuse_if_all_are_bad(cells)
    return cells


def _with_plan(planned: PlannedCell, cell: ResolvedCell, download: bool) -> PlannedCell:
    try:
        phases = plan(cell, download)
        check_stored(phases)
    except UserError as error:
        return PlannedCell(planned.overrides, problem=str(error))
    return PlannedCell(planned.overrides, cell.config, phases)


def _refuse_if_all_are_bad(cells: Sequence[PlannedCell]) -> None:
    if all(cell.problem for cell in cells):
        raise _problems(cells)


def _problems(cells: Sequence[PlannedCell]) -> UserError:
    """One error for the problems of all cells."""
    return UserError("\n".join(cell.problem for cell in cells if cell.problem))


def run(grid_: Sequence[tuple[str, ...]], compose: Compose, launch: Launch, launcher: str, study: StudyFile) -> None:
    """Run the grid and show how each unit ended; failures are added to `launch.cells.failures`.

    `launcher`: the name of the one behind `launch`. UserError where no cell can be run, by this launcher or at all.
    `study`: the file that the grid comes from.
    """
    log_to_stderr()
    log.info(f"planning {counted(len(grid_), 'cell')}")
    cells = plan_grid(grid_, compose, True, study, lambda config: combinations.problems(launcher, config))
    print_error(_problems(cells))
    cells = _with_data_checked(cells)
    _refuse_if_all_are_bad(cells)
    print_error(_problems(cells))
    if _has_single_seed(cells):
        log.info(SINGLE_SEED)
    waves = grid.waves(cells)
    _keep(cells, waves, study)
    number = 0

    def launched(units: list[Unit]) -> list[str | None]:
        nonlocal number
        number += 1
        log.info(f"wave {number}: {counted(len(units), 'job')}: {', '.join(dict.fromkeys(unit.label for unit in units))}")
        return launch([unit.job for unit in units])

    try:
        with progress.shown(progress.Progress(waves, _cost)):
            grid.run(waves, launched)
    finally:
        _print(_summary(waves))
        sys.stdout.write("".join(f"{line}\n" for line in _broken(cells, waves)))
        failures.extend(grid.failures(cells, waves))
        _keep(cells, waves, study)
    for output in dict.fromkeys(unit.config.output for unit in waves[-1] if unit.state in (grid.DONE, grid.REUSED)):
        log.info(progress.next_step(output))


def _has_single_seed(cells: Iterable[PlannedCell]) -> bool:
    """Return whether the grid compares intermediate choices with none, all with the same seed, in a folder without results."""
    configs = [cell.config for cell in cells if cell.config]
    with_tasks = {bool(config.intermediate.tasks) for config in configs}
    seeds, folders = {config.seed for config in configs}, {config.output for config in configs}
    return len(with_tasks) == 2 and len(seeds) == 1 and not any(any(results_dir(Path(one)).glob("*.json")) for one in folders)


def _with_data_checked(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    """The cells after all their data was read once; those that need bad data have a problem in the place of their plan."""
    unread = [{split.mark: split for split in unread_data(cell.plan)} if cell.plan else {} for cell in cells]
    splits: dict[str, UnreadSplit] = {mark: split for marks in unread for mark, split in marks.items()}
    config = next((cell.config for cell, marks in zip(cells, unread, strict=True) if marks), None)
    wrong: dict[str, list[str]] = {}
    try:
        wrong = data_problems(list(splits.values()), config) if config else {}
    except UserError as error:  # not the data, but reading it has failed
        wrong = dict.fromkeys(splits, str(error).splitlines())
    problems = ["\n".join(dict.fromkeys(line for mark in marks for line in wrong.get(mark, []))) for marks in unread]
    return [
        PlannedCell(cell.overrides, cell.config, problem=problem) if problem else cell
        for cell, problem in zip(cells, problems, strict=True)
    ]


def _keep(cells: Sequence[PlannedCell], waves: Sequence[Sequence[Unit]], study: StudyFile) -> None:
    """Write down what the study declares and how everything ended, in the folder of each study, for its report."""
    units = [
        {"label": " ".join(cell.overrides), "state": grid.FAILED, "reason": cell.reason} for cell in cells if cell.problem
    ] + [{"label": unit.label, "state": unit.state, "reason": unit.reason} for wave in waves for unit in wave]
    for output, config in {cell.config.output: cell.config for cell in cells if cell.config}.items():
        try:
            results = len(list(results_dir(Path(output)).glob("*.json")))
            kept = declared.record(config.analysis, last_sweep(Path(output))["declared"], results)
            own = {"experiment": study.name, "file": str(study.path or ""), "declared": kept, "units": units}
            write_json(sweep_summary(Path(output)), own)
        except (OSError, UserError) as error:  # a full disk, say; the table has been shown
            log.info(f"how the sweep ended is not kept for the report: {error}")


@dataclass(frozen=True)
class SameUnits:
    """The units of a wave that have the same label: a grid has many seeds and parents."""

    wave: str
    what: str
    there: int
    to_do: int
    steps: int | None
    """Optimizer steps of one unit; None: it has none, or the size of its data is not declared."""
    gpu_hours: float | None
    """GPU hours of all units that are to do, at most; None: not known."""


def preview(grid_: Sequence[tuple[str, ...]], compose: Compose, study: StudyFile) -> tuple[list[PlannedCell], list[list[Unit]]]:
    """The plan of every cell, and the waves; neither downloads nor runs. UserError where no cell can be planned."""
    cells = plan_grid(grid_, compose, False, study)
    return cells, grid.waves(cells)


def show_plan(grid_: Sequence[tuple[str, ...]], compose: Compose, study: StudyFile) -> None:
    """Show the waves of the grid, what exists, what is stale and why, and the estimated cost; neither downloads nor runs."""
    log_to_stderr()
    cells, waves = preview(grid_, compose, study)
    write_plan(cells, waves, sys.stdout)
    failures.extend(cell.reason for cell in cells if cell.problem)


def write_plan(cells: Sequence[PlannedCell], waves: list[list[Unit]], file: TextIO) -> None:
    """Write the plan as text: a table of the waves, what is nearly in the store, smallest effects, counts, costs, problems."""
    effects = detectable(cells)
    _print(
        *(table for table in (_plan(waves), _stale(waves), declared_effects(effects), grid_effects(effects)) if table.row_count),
        file=file,
    )
    plans = [cell.plan for cell in cells if cell.plan]
    phases, hours, unknown = _total(unit.phase for wave in waves for unit in wave if unit.phase)
    phases_apart, hours_apart, _ = _total(grid.phases_apart(cells))
    lines = [
        f"{counted(len(plans), 'cell')}; {counted(phases, 'training phase')}, where every cell by itself would take "
        f"{phases_apart}",
        f"GPU hours of all training, there or not: at most {hours}, where every cell by itself would take {hours_apart} "
        f"(at {TFLOPS:.0f} TFLOP/s, each example as long as max_length; attention and vocabulary left out)",
    ]
    if unknown:
        lines.append(f"not counted there: {counted(unknown, 'training phase')}, whose amount of data is not declared")
    lines += steps_of_phase_2(cells)
    lines += assumptions(effects)
    lines += [f"error: {problem}" for problem in dict.fromkeys(cell.reason for cell in cells if cell.problem)]
    if absent := sum(not grid.data_is_here(plan) for plan in plans):
        lines.append(
            f"not on this disk yet: the data of {counted(absent, 'cell')}; to see what the store has of them, type "
            "`xstilts fetch -m` with the same options and then this again"
        )
    file.write("\n".join(lines) + "\n")


def _total(phases: Iterable[Phase]) -> tuple[int, str, int]:
    """The number of training phases, GPU hours of those whose cost is known, and the number of the others."""
    costs = [cost.training_flop(phase.job) for phase in phases if isinstance(phase.job, TrainingJob)]
    return len(costs), _hours(sum(flop for flop in costs if flop is not None) / FLOP_OF_AN_HOUR), costs.count(None)


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _title(number: int, waves: list[list[Unit]]) -> str:
    return "evaluations" if waves[number][0].phase is None else f"wave {number + 1}"


def same_units(waves: list[list[Unit]]) -> Iterator[SameUnits]:
    """Group the units of each wave by their label."""
    for number, wave in enumerate(waves):
        groups: dict[str, list[Unit]] = {}
        for unit in wave:
            groups.setdefault(unit.label, []).append(unit)
        for label, units in groups.items():
            job = units[0].phase.job if units[0].phase else None
            steps = cost.training_steps(job) if isinstance(job, TrainingJob) else None
            costs = [_cost(unit) for unit in units if unit.state != grid.REUSED]
            hours = None if None in costs else sum(flop for flop in costs if flop is not None) / FLOP_OF_AN_HOUR
            there = sum(unit.state == grid.REUSED for unit in units)
            yield SameUnits(_title(number, waves), label, there, len(units) - there, steps, hours)


def _plan(waves: list[list[Unit]]) -> "Table":
    table = new_table("wave", "what", "there", "to do", "steps", "GPU hours, at most")
    for same in same_units(waves):
        hours = "unknown" if same.gpu_hours is None else _hours(same.gpu_hours) if same.to_do else ""
        steps = f"{same.steps:,}" if same.steps else ""
        table.add_row(same.wave, same.what, str(same.there), str(same.to_do), steps, hours)
    return table


def _cost(unit: Unit) -> float | None:
    """FLOP, at most; a tokenizer's are none."""
    if unit.evaluation:
        return cost.evaluation_flop(unit.evaluation)
    assert unit.phase is not None
    return cost.training_flop(unit.phase.job) if isinstance(unit.phase.job, TrainingJob) else 0.0


def _stale(waves: list[list[Unit]]) -> "Table":
    """The missing artifacts of which the store has nearly the same, and the options that differ."""
    table = new_table("to do", "nearly the same", "and what differs")
    known: dict[str, Any] = {}
    for unit in (unit for wave in waves for unit in wave if unit.phase and unit.state == grid.WAITING):
        assert unit.phase is not None
        folder = unit.phase.paths.folder.parent
        if str(folder) not in known:
            known[str(folder)] = neighbours.identities(folder)
        if near := neighbours.nearest(known[str(folder)], unit.label, unit.phase.job.identity):
            table.add_row(f"{unit.label} {unit.key[:8]}", near.fingerprint[:8], "; ".join(near.differences))
    return table


def _summary(waves: list[list[Unit]]) -> "Table":
    states = (grid.DONE, grid.REUSED, grid.FAILED, grid.INTERRUPTED, grid.BLOCKED, grid.WAITING)
    table = new_table("wave", "jobs", *states[:-1], "not started")
    for number, wave in enumerate(waves):
        counts = [sum(unit.state == state for unit in wave) for state in states]
        table.add_row(_title(number, waves), str(len(wave)), *(str(count) if count else "" for count in counts))
    return table


def _broken(cells: list[PlannedCell], waves: list[list[Unit]]) -> list[str]:
    """A line for each unit that is missing at the end, with the reason and the log."""
    refused: dict[str, list[PlannedCell]] = {}
    for cell in cells:
        if cell.problem:
            refused.setdefault(cell.reason, []).append(cell)
    lines = []
    for reason, same in refused.items():
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        lines.append(f"{'refused':{WIDTH}} {' '.join(same[0].overrides)}{more}: {reason}")
    for unit in (unit for wave in waves for unit in wave if unit.state in grid.BROKEN):
        reason = unit.reason.partition("; its output is in ")[0]
        log = f"; log: {file}" if (file := _log(unit)) and file not in reason else ""
        lines.append(f"{unit.state:{WIDTH}} {unit.label} {unit.key}: {reason}{log}")
    return lines


def _log(unit: Unit) -> str:
    file = progress.log_of(unit) if unit.state == grid.FAILED else None
    return str(file) if file and file.exists() else ""


def _print(*tables: "Table", file: TextIO | None = None) -> None:
    from rich.console import Console

    file = file or sys.stdout
    console = Console(file=file, markup=False, highlight=False, force_jupyter=False, width=None if file.isatty() else 120)
    for table in tables:
        console.print(table)
