"""Order a grid of cells in waves: everything that is missing is made once, and the jobs of a wave need nothing of each other.

A unit is one artifact or one cell's result. Artifacts come in waves, each of which needs only those before it; the evaluations
are the last wave. `xstilts train -m` runs the jobs of a wave with the chosen launcher, `xstilts plan` shows the waves.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from xstilts import signals
from xstilts.cell.phases import CellPlan, Phase
from xstilts.config import Config
from xstilts.jobs import EvaluationJob

WAITING, DONE, REUSED, FAILED, BLOCKED, INTERRUPTED = "waiting", "done", "reused", "failed", "blocked", "interrupted"
BROKEN = (FAILED, BLOCKED, INTERRUPTED)


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the grid by its overrides, and its plan or the reason why there is none."""

    overrides: tuple[str, ...]
    config: Config | None = None
    plan: CellPlan | None = None
    problem: str = ""
    """A line for each thing that is wrong with it."""

    @property
    def reason(self) -> str:
        """The problem in one line."""
        return " ".join(self.problem.splitlines())


@dataclass
class Unit:
    """One thing to be made: an artifact, or the result of a cell."""

    key: str
    """Fingerprint, or the name of the cell."""
    label: str
    overrides: tuple[str, ...]
    """The overrides of the first cell that needs it; a job makes it with these and `stop_after`."""
    needs: tuple[str, ...]
    """Keys of all artifacts before it."""
    made: Callable[[], bool]
    config: Config
    phase: Phase | None = None
    """None: a result."""
    evaluation: EvaluationJob | None = None
    state: str = WAITING
    reason: str = ""

    @property
    def job(self) -> list[str]:
        """The overrides of the job that makes it."""
        words = list(self.overrides)
        if self.config.worker == "process":
            words.append("worker=logged")
        if self.phase is not None:
            words.append(f"stop_after={self.key}")
        elif self.config.store.refresh == "all":  # its artifacts have been made anew by then
            words.append("store.refresh=results")
        return words


def waves(cells: Iterable[PlannedCell]) -> list[list[Unit]]:
    """The units of all planned cells: artifacts by how many stand before them, then the results. What exists is `reused`."""
    artifacts: dict[str, Unit] = {}
    level: dict[str, int] = {}
    results: dict[str, Unit] = {}
    for cell in cells:
        if (plan := cell.plan) is None:
            continue
        before: list[str] = []
        for phase in plan.artifacts:
            key = phase.paths.fingerprint
            if key not in artifacts:
                made = _artifact_made(phase)
                artifacts[key] = Unit(key, phase.job.label, cell.overrides, tuple(before), made, plan.config, phase)
                refresh = plan.config.store.refresh == "all" and phase in plan.training
                artifacts[key].state = REUSED if phase.done and not refresh else WAITING
                level[key] = 1 + max((level[needed] for needed in before), default=-1)
            before.append(key)
        paths = plan.paths
        if paths.name not in results:
            unit = Unit(
                paths.name,
                plan.evaluation.label,
                cell.overrides,
                tuple(before),
                paths.result.exists,
                plan.config,
                evaluation=plan.evaluation,
            )
            unit.state = REUSED if paths.result.exists() and plan.config.store.refresh == "never" else WAITING
            results[paths.name] = unit
    needed = {key for unit in results.values() if unit.state == WAITING for key in unit.needs}
    sorted_waves = [
        [unit for key, unit in artifacts.items() if level[key] == number and (key in needed or unit.state == REUSED)]
        for number in range(1 + max(level.values(), default=-1))
    ]
    return [wave for wave in [*sorted_waves, list(results.values())] if wave]


def _artifact_made(phase: Phase) -> Callable[[], bool]:
    return lambda: phase.done


def run(all_waves: Sequence[Sequence[Unit]], launch: Callable[[list[Unit]], list[str | None]]) -> None:
    """Run every wave. `launch` runs the jobs of some units and returns for each what went wrong, as far as it is known.

    A unit with a missing artifact is blocked and never started. A unit is done when its file exists, whatever its job returned.
    Raises `Stopped` when this process has got a stop signal: running jobs are interrupted or done, and the rest is not started.
    """
    units = {unit.key: unit for wave in all_waves for unit in wave}
    for wave in all_waves:
        ready = []
        for unit in wave:
            if unit.state != WAITING:
                continue
            broken = [units[key] for key in unit.needs if key in units and units[key].state in BROKEN]
            if broken:
                unit.state, unit.reason = BLOCKED, _blocked_by(broken)
            else:
                ready.append(unit)
        if not ready:
            continue
        try:
            reasons = launch(ready)
        except signals.Stopped as stopped:  # a launcher that does not wait for its jobs
            for unit in ready:
                unit.state, unit.reason = (DONE, "") if unit.made() else (INTERRUPTED, str(stopped))
            raise
        for unit, reason in zip(ready, reasons, strict=True):
            _end(unit, reason)
        signals.stop_if_received()


def _end(unit: Unit, reason: str | None) -> None:
    """Note how the job of a unit ended: `reason` is what went wrong."""
    interrupted = reason is not None and signals.is_stop_message(reason)
    if unit.made() and (reason is None or interrupted):
        unit.state = DONE
    elif interrupted:
        unit.state, unit.reason = INTERRUPTED, reason or ""
    elif reason is not None or not signals.received:
        unit.state, unit.reason = FAILED, reason or "its job exited without an error message or output"


def _blocked_by(broken: Sequence[Unit]) -> str:
    first = next((unit for unit in broken if unit.state != BLOCKED), broken[0])
    words = {FAILED: "failed", INTERRUPTED: "was interrupted"}
    return f"{first.label} {words[first.state]}" if first.state in words else first.reason


def failures(cells: Iterable[PlannedCell], all_waves: Iterable[Iterable[Unit]]) -> list[str]:
    """A line for each cell without a plan and each unit that is missing at the end."""
    lines = [f"{' '.join(cell.overrides)}: {cell.reason}" for cell in cells if cell.problem]
    return lines + [f"{unit.label} {unit.key}: {unit.reason}" for unit in _all(all_waves) if unit.state in BROKEN]


def _all(all_waves: Iterable[Iterable[Unit]]) -> Iterator[Unit]:
    for wave in all_waves:
        yield from wave


def phases_apart(cells: Iterable[PlannedCell]) -> Iterator[Phase]:
    """The phases that the cells would run if they shared no artifacts, as scripts without a store do."""
    for cell in cells:
        if cell.plan:
            yield from cell.plan.artifacts


def data_is_here(plan: CellPlan) -> bool:
    """Return whether all data that the cell reads is on this disk; without, its fingerprints are provisional."""
    return all(data.train.checksums for phase in plan.artifacts for data in phase.job.tasks.values())
