"""Run a cell: have each of its missing phases done by a worker, in order, and return the result. No torch."""

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from xstilts import signals
from xstilts.cell.checks import check
from xstilts.cell.inputs import fetched
from xstilts.cell.phases import CellPlan, Phase, first_phase, plan, store_of
from xstilts.cell.unread import unread
from xstilts.config import AFTER_TRAINING, Config
from xstilts.errors import AlreadyReported, UserError, combined
from xstilts.jobs import EvaluationJob, Job, ReadingJob, TrainingJob, UnreadSplit, write_job
from xstilts.launch import threads
from xstilts.launch.process import Starter, describe_exit, last_error, run_worker
from xstilts.launch.slurm import make_way, outlast_lost_nodes, srun, starts_by_srun
from xstilts.paths import LAST_CHECKPOINT, LAST_STEP, WORKER_ERROR, log_file
from xstilts.store import artifacts
from xstilts.store.files import disk_full_as_user_error, read_json_object
from xstilts.store.locks import locked
from xstilts.store.results import read_result
from xstilts.store.validation import NO_VALIDATION

log = logging.getLogger("xstilts")


def run(config: Config, scored: bool = False) -> dict[str, Any] | None:
    """Check a cell, run what is missing of it, and return its result; None where `config.stop_after` names an artifact.

    UserError with a line for each problem of the config, before anything begins; and for a phase that failed. `scored`: to have
    no validation score is such a problem.
    """
    resolved = check(config, runs_here=True)
    if scored and not resolved.validated:
        raise UserError(NO_VALIDATION)
    cell = plan(resolved)
    if config.stop_after:
        _make_until(cell)
        return None
    if (result := check_stored(cell)) is not None:
        log.info(f"this cell is done, nothing to do: {cell.paths.result}")
        return result
    check_data(unread_data(cell), config)
    cell.paths.result.unlink(missing_ok=True)
    for phase in cell.artifacts:
        ensure_made(phase, config, refresh=_is_refreshed(phase, cell))
    _ensure_evaluated(cell)
    log.info(f"result: {cell.paths.result}")
    return read_result(cell.paths.result)


def _is_refreshed(phase: Phase, cell: CellPlan) -> bool:
    """Return whether the phase is to be trained again although its artifact exists; phase 1 never is."""
    return cell.config.store.refresh == "all" and phase in cell.training


def check_stored(cell: CellPlan) -> dict[str, Any] | None:
    """The cell's result, if it exists and is not to be made again.

    UserError, before anything is trained, where the result or an artifact that would be used is broken or another's.
    """
    for phase in cell.artifacts:
        if phase.done and not _is_refreshed(phase, cell):
            artifacts.check(phase.paths.folder)
        elif phase.paths.folder.exists() and not phase.paths.folder.is_dir():
            raise UserError(f"{phase.paths.folder} is no folder, expected an artifact or nothing: delete it")
    path, key = cell.paths.result, cell.evaluation.header["fingerprint"]
    if not path.exists():
        return None
    if cell.config.store.refresh != "never" and path.is_file():
        return None
    result = read_result(path)
    if result["fingerprint"] != key:
        raise UserError(f"{path} is the result of the cell {result['fingerprint']}, expected {key}: delete it, or move it away")
    return result


def _make_until(cell: CellPlan) -> None:
    """Make the artifact that `config.stop_after` names, and what is missing before it; with `training`, all artifacts."""
    config, names = cell.config, [phase.paths.fingerprint for phase in cell.artifacts]
    if config.stop_after not in (*names, AFTER_TRAINING):
        known = " ".join(names) or "none"
        raise UserError(f"stop_after={config.stop_after}: this cell's artifacts are {known}; run the sweep again")
    last = len(names) if config.stop_after == AFTER_TRAINING else names.index(config.stop_after) + 1
    phases = cell.artifacts[:last]
    check_data(unread([phase.job for phase in phases if not phase.done], None, store_of(config)), config)
    for phase in phases:
        ensure_made(phase, config, refresh=phase is phases[-1] and _is_refreshed(phase, cell))


def pretrain(config: Config) -> Path:
    """Make what is missing of phase 1 and return its artifact's folder: the encoder, or the tokenizer where no more is asked for.

    With `store.refresh=all` it is trained again; in a cell, that is about the cell's other phases.
    """
    cell = fetched(check(config, runs_here=True))
    phases, _ = first_phase(cell)
    check_data(unread([phase.job for phase in phases if not phase.done], None, store_of(config)), config)
    for phase in phases:
        ensure_made(phase, config, refresh=config.store.refresh == "all")
    return phases[-1].paths.folder


def unread_data(cell: CellPlan) -> list[UnreadSplit]:
    """The data that the cell has still to read, apart from what was read before; of a finished cell, none."""
    if cell.paths.result.exists() and cell.config.store.refresh == "never":
        return []
    missing = [phase.job for phase in cell.artifacts if not phase.done or _is_refreshed(phase, cell)]
    return unread(missing, cell.evaluation, store_of(cell.config))


def check_data(splits: list[UnreadSplit], config: Config) -> None:
    """Have the data read once, before anything is trained on it; UserError with a line for each problem."""
    if problems := data_problems(splits, config):
        raise combined(line for lines in problems.values() for line in lines)


def data_problems(splits: list[UnreadSplit], config: Config) -> dict[str, list[str]]:
    """Have the data read by a worker: mark -> lines, of the splits with a problem. `config`: where and how the worker works."""
    if not splits:
        return {}
    work = Path(mkdtemp(prefix="xstilts-reading-"))  # on this machine, since store and output may be full or read-only
    names = ", ".join(dict.fromkeys(f"{split.source.task.name} {split.split.expression}" for split in splits))
    job = ReadingJob(f"reading {names}", splits, str(work / "problems.json"))
    log.info(f"{job.label} once, before training")
    output = log_file(Path(config.output).absolute(), "reading", work.name.rpartition("-")[2])
    try:
        _work(job, work / "job.json", work / "worker.log", config.worker, Path(job.problems).exists, output)
    except signals.Stopped:
        shutil.rmtree(work, ignore_errors=True)
        raise
    problems = read_json_object(Path(job.problems), "list of problems", "run the same command again")
    shutil.rmtree(work, ignore_errors=True)
    return problems


def ensure_made(phase: Phase, config: Config, refresh: bool = False) -> None:
    """Do the phase's job unless its artifact exists, or in any case to `refresh` it; of two processes, the second waits."""
    paths, job = phase.paths, phase.job
    to_write = refresh or not phase.done
    with locked(paths.lock, lambda holder: log.info(f"{job.label}: waiting for {holder}"), to_write):
        if phase.done and not refresh:
            artifacts.verify(paths.folder)
            log.info(f"{job.label}: reused {paths.fingerprint}")
            return
        if refresh:
            artifacts.remove(paths.folder)
            shutil.rmtree(paths.work, ignore_errors=True)
        paths.work.mkdir(parents=True, exist_ok=True)
        resume = str(paths.last_checkpoint) if paths.last_checkpoint.exists() else None
        log.info(f"{job.label}: {'resuming' if resume else 'training'} {paths.fingerprint}")
        if isinstance(job, TrainingJob):
            job = replace(job, resume=resume)
        output = log_file(Path(config.output).absolute(), job.label, paths.fingerprint[:8])
        _work(job, paths.job, paths.worker_log, config.worker, lambda: phase.done, output)
        shutil.rmtree(paths.work, ignore_errors=True)


def _ensure_evaluated(cell: CellPlan) -> None:
    paths = cell.paths
    with locked(paths.lock, lambda holder: log.info(f"{cell.evaluation.label}: waiting for {holder}")):
        if paths.result.exists():
            return
        if cell.config.store.refresh != "never":
            shutil.rmtree(paths.work, ignore_errors=True)
        log.info(f"{cell.evaluation.label}: evaluating")
        paths.work.mkdir(parents=True, exist_ok=True)
        output = log_file(paths.output, "phase 4", paths.name)
        _work(cell.evaluation, paths.job, paths.worker_log, cell.config.worker, paths.result.exists, output)
        shutil.rmtree(paths.work, ignore_errors=True)


def _work(job: Job, job_file: Path, notes: Path, worker: str, succeeded: Callable[[], bool], output: Path) -> None:
    """Have a worker do the job; only the files that it leaves mean success. `output`: its log with worker=logged."""
    with disk_full_as_user_error(job_file):
        write_job(job, job_file)
    job_file.with_name(WORKER_ERROR).unlink(missing_ok=True)
    by_srun = isinstance(job, TrainingJob | EvaluationJob) and starts_by_srun(job.trainer)
    if worker == "inline":
        _work_here(job, by_srun, job_file.parent)
        return
    starter = None
    if isinstance(job, TrainingJob | EvaluationJob):
        work = job_file.parent
        starter = srun(job.trainer, job_file) if by_srun else Starter(environment=threads.environment(job.trainer, work))
    logged = output if worker == "logged" else None
    code = run_worker(job_file, notes, output=logged, starter=starter)
    if number := signals.last_received() or signals.stop_signal(code):
        make_way(signals.Stopped(number, _kept(job_file.parent)))
    if code == 2 and logged:
        raise UserError(last_error(logged))
    if code == 2:
        raise WorkerRefused(_refusal(job_file.with_name(WORKER_ERROR)))
    if not succeeded():
        if starter:
            outlast_lost_nodes(_kept(job_file.parent))
        said = f"in {logged}" if logged else "above"
        raise UserError(f"{job.label} failed with {describe_exit(code)}; its output is {said}, its job in {job_file}")


def _refusal(file: Path) -> str:
    """The message of the worker that refused its job."""
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8")
    return "the worker refused its job; its output is above"


def _work_here(job: Job, by_srun: bool, work: Path) -> None:
    if by_srun:
        raise UserError("worker=inline is one process, and srun starts one for each rank: leave out worker=inline")
    if sys.flags.optimize > 1:
        raise UserError(
            "python -OO drops the docstrings that transformers needs: leave out worker=inline, or set PYTHONOPTIMIZE=1"
        )
    from xstilts.worker import run as run_inline

    with contextlib.suppress(signals.Stopped):
        run_inline(job)
    if number := signals.last_received():
        make_way(signals.Stopped(number, _kept(work)))


def _kept(work: Path) -> str:
    """The state that a stopped job goes on from, by its folder."""
    with contextlib.suppress(OSError):
        return f"checkpoint at step {(work / LAST_CHECKPOINT).with_suffix(LAST_STEP).read_text()}"
    return signals.FINISHED


class WorkerRefused(AlreadyReported):
    """The worker has shown what is wrong."""
