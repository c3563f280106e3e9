"""xstilts rank: predict which intermediate task helps a target, at a small part of the grid's cost.

    xstilts rank +target=xquad +intermediate=none,snli,cosmosqa,tydiqa seed=1,2,3
    xstilts rank --against outputs/real_languages

Short runs of phases 2 and 3 with growing numbers of steps, of which the worst are dropped (halving), and scores that need no
training. No test set is read. Besides the options of `train`:

    --steps 20,40,80         optimizer steps of each phase in each rung (2, 4 and 8 % of the target's)
    --keep 0.5               share of the tasks that goes on to the next rung
    --by halving,logme,text  what to compute: halving; LogME of the target's examples under each phase-2 encoder;
                             similarity of texts
    --examples 500           training examples of each task for the last two
    --against STUDY          measure the ranking by a finished study; alone: the simple rankings of its targets
"""

import argparse
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from xstilts import train
from xstilts.errors import UserError, unknown_name
from xstilts.jobs import TrainingData, TrainingJob
from xstilts.launch.cells import failures, log_to_stderr, start
from xstilts.launch.entry import entry_point
from xstilts.numbering import counted
from xstilts.ranking import halving, scores
from xstilts.ranking.halving import Cells, Rung
from xstilts.ranking.quality import FEWEST, finished
from xstilts.ranking.result import (
    HALVING,
    LOGME,
    METHODS,
    TEXT,
    Estimate,
    Ranking,
    cost_text,
    qualities,
    quality_table,
    ranking_table,
    study_text,
    unjudged,
)
from xstilts.reporting.comparison import BASELINE
from xstilts.store.artifacts import is_done
from xstilts.study.cost import training_steps
from xstilts.study.grid import PlannedCell, data_is_here
from xstilts.study.steps import phase_2

if TYPE_CHECKING:
    from rich.table import Table

    from xstilts.training.embed import Embedded

log = logging.getLogger("xstilts")
SHARES = (0.02, 0.04, 0.08)
"""Steps of the rungs as shares of the target's own, by default."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"cannot read the command line: {message}")


def _steps(text: str) -> list[int]:
    steps = [int(part) for part in text.split(",")]
    if steps != sorted(set(steps)) or steps[0] < 1:
        raise ValueError
    return steps


def _share(text: str) -> float:
    if not 0 < (share := float(text)) < 1:
        raise ValueError
    return share


def _examples(text: str) -> int:
    if (count := int(text)) < 10:
        raise ValueError
    return count


def _methods(text: str) -> list[str]:
    methods = text.split(",")
    for method in methods:
        if method not in METHODS:
            raise UserError(unknown_name("method in --by", method, METHODS))
    return methods


OPTIONS: dict[str, tuple[Callable[[str], object], str, object]] = {
    "steps": (_steps, "growing whole numbers such as 20,40,80", None),
    "keep": (_share, "a share between 0 and 1", 0.5),
    "by": (_methods, "", list(METHODS)),
    "examples": (_examples, "a whole number from 10 on", 500),
    "against": (Path, "", None),
}
"""The command's own options: what reads the value, what is expected, and the default."""


def read(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read the command's own options; returns them and the other words. UserError for a value that they do not take."""
    parser = _Parser(prog="xstilts rank", add_help=False, allow_abbrev=False)
    for name in OPTIONS:
        parser.add_argument(f"--{name}")
    given, rest = parser.parse_known_args(list(words))
    for name, (kind, expected, default) in OPTIONS.items():
        text = getattr(given, name)
        try:
            setattr(given, name, default if text is None else kind(text))
        except UserError:
            raise
        except ValueError:
            raise UserError(f"--{name}: got '{text}', expected {expected}") from None
    return given, rest


def rank(words: Sequence[str], given: argparse.Namespace) -> Ranking:
    """Rank the intermediate tasks of the grid that the words describe. UserError for what cannot be ranked, before any work.

    `given`: what `read` returns.
    """
    study = finished(given.against) if given.against else []
    own = [] if any(word.startswith(("study=", "output=")) for word in words) else ["study=rank"]
    own += [] if any(word.startswith("worker=") for word in words) else ["worker=logged"]
    words = [*words, *own]
    full = halving.planned(words)
    (target,) = {cell.config.target.task.name for cell in _cells(full) if cell.config}
    if given.against and not any(one.target == target and len({*full} & {*one.by_seed}) >= FEWEST for one in study):
        raise UserError(unjudged(str(given.against), target, study))
    if given.by == [LOGME] and not _encoders([full]):
        raise UserError(f"--by={LOGME}: the store lacks phase-2 encoders: add {HALVING} to --by, or run the grid first")
    ranking = Ranking(target)
    grids: list[Cells] = []
    if HALVING in given.by:
        grids, rungs = _run(words, full, given.steps or _default_steps(full), given.keep)
        ranking.standings = halving.standings(rungs)
        if any(one.error is None for one in ranking.standings):
            ranking.notes.append("a single seed gives no interval: type seed=1,2,3")
    if not all(data_is_here(cell.plan) for cell in _cells(full) if cell.plan):
        full = halving.planned(words)  # now with the fingerprints of data that was fetched
    flops = [halving.training_flops(grids), *_add_scores_without_training(ranking, full, grids, given)]
    whole = halving.full_flops(full)
    if not ranking.by_method:
        raise UserError("; ".join(ranking.notes))
    if whole and None not in flops:
        ranking.share = sum(part for part in flops if part is not None) / whole
    return ranking


def _cells(cells: Cells) -> list[PlannedCell]:
    return [cell for by_seed in cells.values() for cell in by_seed.values()]


def _target_job(cell: PlannedCell) -> TrainingJob:
    """The last phase 3 of a cell."""
    assert cell.plan is not None
    job = cell.plan.training[-1].job
    assert isinstance(job, TrainingJob)
    return job


def _default_steps(full: Cells) -> list[int]:
    known = [steps for cell in _cells(full) if (steps := training_steps(_target_job(cell)))]
    if not known:
        raise UserError("the size of the target's training data is not declared: type --steps 20,40,80 or others")
    return sorted({max(1, round(share * max(known))) for share in SHARES})


def _run(words: Sequence[str], full: Cells, steps: Sequence[int], keep: float) -> tuple[list[Cells], list[Rung]]:
    """Run rung after rung, until the last one or until one task is left."""
    grids: list[Cells] = []
    rungs: list[Rung] = []
    kept = list(full)
    for number, budget in enumerate(steps, start=1):
        own = halving.rung_words(words, full, kept, budget)
        log_to_stderr()
        log.info(f"rung {number} of {len(steps)}, {counted(budget, 'step')} of each phase: {', '.join(kept)}")
        with contextlib.redirect_stdout(sys.stderr):
            start(train.cell, ["--multirun", *own, "hydra.sweeper.waves=false"])
        if failures:
            raise UserError(f"rung {number} is not complete, as is said above; the same command goes on from there")
        grids.append(halving.planned(own))
        rungs.append(Rung(budget, halving.validation_scores(grids[-1])))
        kept = halving.promoted(rungs[-1].scores, keep)
        if sum(choice != BASELINE for choice in kept) < 2:
            break
    return grids, rungs


def _add_scores_without_training(
    ranking: Ranking, full: Cells, grids: Sequence[Cells], given: argparse.Namespace
) -> list[float | None]:
    """Add the scores that need no training, of the first seed; returns the FLOP of each, at most, None where not known."""
    cells = {choice: next(iter(by_seed.values())) for choice, by_seed in full.items()}
    phases = {choice: phase for choice, cell in cells.items() if cell.plan and (phase := phase_2(cell.plan))}
    job = next(iter(phases.values())).job
    assert isinstance(job, TrainingJob)
    target = list(_target_job(next(iter(cells.values()))).tasks.values())
    if given.by != [HALVING] and job.parent and not is_done(Path(job.parent)):
        raise UserError("phase 1 is not there yet: type `xstilts pretrain` with the same options of data and encoder first")
    encoded = 0
    if TEXT in given.by:
        data = target + [item for phase in phases.values() for item in phase.job.tasks.values()]
        vectors = iter(_embedded(job, job.parent, data, given.examples))
        own = next(vectors)
        for choice, phase in phases.items():
            ranking.text[choice] = _similarity(own, [next(vectors) for _ in phase.job.tasks])
        encoded += sum(item.limits.max_length for item in data)
    if LOGME in given.by:
        encoders = _encoders([full, *grids[:1]])
        if not encoders:
            ranking.notes.append(f"no LogME, as the store lacks phase-2 encoders: add {HALVING} to --by, or run the grid first")
        for choice, artifact in encoders.items():
            (one,) = _embedded(job, artifact or job.parent, target, given.examples)
            if len(set(one.labels_M.tolist())) < 2:
                ranking.notes.append(f"no LogME, as the examples of {target[0].task.name} have no labels that it can use")
                break
            ranking.logme[choice] = _logme(one)
            encoded += target[0].limits.max_length
    return [2.0 * job.model.layer_parameters * encoded * given.examples if job.model.layer_parameters else None]


def _encoders(grids: Sequence[Cells]) -> dict[str, str | None]:
    """Choice -> phase-2 artifact of the first seed, None for `none`, of the first grid that has all; {}: none has."""
    for grid in grids:
        plans = {choice: next(iter(by_seed.values())).plan for choice, by_seed in grid.items()}
        phases = {choice: phase_2(plan) for choice, plan in plans.items() if plan}
        if all(phase is None or phase.done for phase in phases.values()):
            return {choice: str(phase.paths.folder) if phase else None for choice, phase in phases.items()}
    return {}


def _embedded(job: TrainingJob, artifact: str | None, data: Sequence[TrainingData], examples: int) -> "list[Embedded]":
    from xstilts.training.embed import embedded

    return embedded(job, artifact, data, examples)


def _similarity(own: "Embedded", others: "Sequence[Embedded]") -> Estimate:
    import numpy as np

    other_ND = np.concatenate([one.texts_ND for one in others])
    rows = min(len(own.texts_ND), len(other_ND))
    return scores.uncertain(lambda chosen: scores.text_similarity(own.texts_ND[chosen], other_ND[chosen]), rows)


def _logme(one: "Embedded") -> Estimate:
    return scores.uncertain(lambda chosen: scores.logme(one.items_MD[chosen], one.labels_M[chosen]), len(one.labels_M))


def show(*parts: "Table | str") -> None:
    """Write tables and lines to standard output."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 120, file=sys.stdout)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))


def judge(study: Path, scores_of: Mapping[str, Mapping[str, float]], target: str | None = None) -> None:
    """Show the quality of rankings by a finished study, for one target or all of them. UserError without any."""
    found = finished(study)
    judged = [qualities(one, scores_of) for one in found if target in (None, one.target)]
    judged = [(one, of) for one, of in judged if of]
    if not judged:
        raise UserError(unjudged(str(study), target or "a target", found))
    for one, of in judged:
        show(study_text(one), quality_table(of))


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    words = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(words):
        start(train.cell, words, __doc__)
        return
    given, rest = read(words)
    if not rest and given.against:
        judge(given.against, {})
        return
    began = time.monotonic()
    ranking = rank(rest, given)
    show(f"intermediate tasks for {ranking.target}", ranking_table(ranking), *ranking.notes)
    show(cost_text(ranking, time.monotonic() - began))
    if given.against:
        judge(given.against, ranking.by_method, ranking.target)


if __name__ == "__main__":
    main()
