"""Cells: to run one, and to plan a grid of them."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields
from io import StringIO
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Any, TypeAlias

from xstilts import signals
from xstilts.cell.run import run as run_cell
from xstilts.errors import UserError
from xstilts.launch.cells import log_to_stderr
from xstilts.launch.compose import composed, composed_grid
from xstilts.numbering import counted
from xstilts.paths import ArtifactPaths
from xstilts.reporting.power import SmallestEffect
from xstilts.reporting.views.terminal import cell_text
from xstilts.store import results
from xstilts.store.files import disk_full_as_user_error
from xstilts.store.validation import NO_VALIDATION, validation_score
from xstilts.study.detectable import detectable
from xstilts.study.grid import PlannedCell, Unit
from xstilts.study.sweep import SameUnits, preview, same_units, write_plan
from xstilts.tasks import declaration

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedModel

SCORE_COLUMNS = "task language split metric value examples layer pooling threshold".split()
Choice: TypeAlias = str | declaration.Task
"""The name of a task, or a task."""


@dataclass(frozen=True)
class Cell:
    """A finished cell: one intermediate choice, one target, one seed. `print(cell)` shows the table that the command shows."""

    name: str
    """The name of its files."""
    output: Path
    """The folder of the study that the cell belongs to."""
    result: dict[str, Any] = field(repr=False, hash=False)
    """The content of the result file: what was chosen, the lineage of artifacts, versions, the whole config."""

    @property
    def scores(self) -> "DataFrame":
        """A row per language, split and metric (of retrieval also layer and pooling).

        Columns: task, language, split, metric, value (percent; missing without gold), examples, layer, pooling, threshold.
        """
        from pandas import DataFrame

        return DataFrame(self.result["rows"], columns=SCORE_COLUMNS)

    @property
    def predictions(self) -> "DataFrame":
        """A row per evaluated example: task, language, split, id, cluster, prediction, gold (None without gold), confidence.

        The confidence has the form that xstilts.store.results explains. Read from the disk.
        """
        from pandas import DataFrame

        rows = results.cell_predictions(self.output, self.result, confidence=True)
        return DataFrame(rows, columns=[*results.COLUMNS, results.CONFIDENCE])

    @property
    def artifact(self) -> Path:
        """The folder of the last phase's artifact: a checkpoint that transformers loads. UserError if nothing was trained."""
        if not self.result["artifacts"]:
            raise UserError(f"{self.name} has no artifact: nothing was trained")
        last, store = self.result["artifacts"][-1], Path(self.result["config"]["store"]["root"])
        folder = ArtifactPaths(store.absolute(), last["kind"], last["fingerprint"]).folder
        if not folder.is_dir():
            raise UserError(f"there is no artifact at {folder}: run the cell again, or change to the folder where it was run")
        return folder

    @property
    def validation_score(self) -> float:
        """The score on the validation examples of the target's training task, higher is better: what a search maximizes.

        It is that of the weights that phase 3 kept; no test example counts. UserError where there is none.
        """
        if (score := validation_score(self.result)) is None:
            raise UserError(f"{self.name}: {NO_VALIDATION}")
        return score

    def model(self) -> "PreTrainedModel":
        """Load the artifact as a model of transformers, with its head where transformers has such a head."""
        import transformers

        folder = self.artifact
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        return getattr(transformers, config.architectures[0]).from_pretrained(folder)

    def __str__(self) -> str:
        return cell_text(self.result).rstrip("\n")


def run(
    *overrides: str,
    intermediate: Choice | Sequence[Choice] | None = None,
    target: Choice | None = None,
    checkpoint: str | Path | None = None,
) -> Cell:
    """Run what is missing of one cell, as `xstilts train` does with the same words, and return its result.

    `intermediate` and `target` are the same as `+intermediate=NAME` and `+target=NAME`, or Task objects. `checkpoint` is
    a folder or Hub id to evaluate with its own head, without training, as `xstilts evaluate` does. Progress goes to standard
    error. UserError for a wrong name, value or file; KeyboardInterrupt after Ctrl-C, when a checkpoint is written: the same call
    goes on from there.
    """
    words, tasks = _words(overrides, intermediate, target)
    if checkpoint is not None:
        quoted = str(checkpoint).replace("'", r"\'")
        words += [f"model.name_or_path='{quoted}'", "target.head=given"]
    config = composed(words, tasks)
    if config.stop_after:
        raise UserError("stop_after is for the jobs of a grid: leave it out")
    log_to_stderr()
    signals.received.clear()
    try:
        with disk_full_as_user_error(Path(config.output)):
            result = run_cell(config)
    except signals.Stopped as stopped:
        if stopped.number == SIGINT:
            raise KeyboardInterrupt(str(stopped)) from None
        raise
    assert result is not None
    return Cell(results.name_of(result), Path(config.output).absolute(), result)


@dataclass(frozen=True)
class Plan:
    """The cells of a grid, its waves and costs. `print(plan)` shows what the command `xstilts plan` shows."""

    cells: list[PlannedCell]
    units: list[list[Unit]]
    """The jobs of each wave; the last wave has the evaluations."""

    @property
    def waves(self) -> "DataFrame":
        """A row per wave and kind of job: wave, what, there, to_do, steps (of each job), gpu_hours.

        `gpu_hours` are those of all jobs that are to do, at most; NaN where the size of the data is not declared.
        """
        from pandas import DataFrame

        names = [column.name for column in fields(SameUnits)]
        frame = DataFrame([astuple(same) for same in same_units(self.units)], columns=names)
        return frame.astype({"steps": "Int64", "gpu_hours": "float64"})

    @property
    def detectable(self) -> "DataFrame":
        """A row per declared primary comparison, or else target and number of seeds, and run SD: the smallest effect.

        It is found with a probability of 80 %. Columns, explained in xstilts.reporting.power: target, choices, seeds,
        baseline_seeds, languages, items, comparisons, run_sd, measured, item_sd, effect, corrected (after Holm's correction),
        comparison (empty for differences from none), reason (why effect is NaN); effects and SDs in percentage points.
        """
        from pandas import DataFrame

        return DataFrame(detectable(self.cells), columns=[column.name for column in fields(SmallestEffect)])

    @property
    def problems(self) -> list[str]:
        """The reason of each cell that cannot be run, each once."""
        return list(dict.fromkeys(cell.reason for cell in self.cells if cell.problem))

    def __repr__(self) -> str:
        return f"Plan({counted(len(self.cells), 'cell')}, {counted(len(self.units), 'wave')})"

    def __str__(self) -> str:
        text = StringIO()
        write_plan(self.cells, self.units, text)
        return text.getvalue().rstrip("\n")


def plan(
    *overrides: str,
    intermediate: Choice | Sequence[Choice] | None = None,
    target: Choice | None = None,
) -> Plan:
    """Plan a grid as `xstilts plan` does with the same words (`"+experiments=phang2020"`, `"seed=1,2,3"`): its waves and costs.

    Downloads nothing and trains nothing. UserError for a wrong name or value, and where no cell can be run.
    """
    log_to_stderr()
    with composed_grid(*_words(overrides, intermediate, target)) as grid:
        return Plan(*preview(*grid))


def _words(
    overrides: Sequence[str],
    intermediate: Choice | Sequence[Choice] | None,
    target: Choice | None,
) -> tuple[list[str], list[declaration.Task]]:
    """The words of a command line, and the tasks that they name beside those of the package."""
    words, tasks = list(overrides), []
    for group, choice in (("intermediate", intermediate), ("target", target)):
        if choice is None:
            continue
        chosen = [choice] if not isinstance(choice, Sequence) or isinstance(choice, str) else choice
        if wrong := [task for task in chosen if not isinstance(task, str | declaration.Task)]:
            raise UserError(f"{group}: got {wrong[0]!r}, expected the name of a task or a Task")
        tasks += [task for task in chosen if isinstance(task, declaration.Task)]
        names = [task if isinstance(task, str) else task.name for task in chosen]
        words.append(f"+{group}={names[0] if len(names) == 1 else '[' + ','.join(names) + ']'}")
    return words, tasks
