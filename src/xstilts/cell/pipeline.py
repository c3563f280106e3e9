"""A cell's four phases, in order: what each needs, which of them exist, and the run of those that do not. No torch.

phase 1  the pretrained encoder: given, or with `model=tiny` random or made from text, a tokenizer and then the encoder
phase 2  intermediate tasks, one artifact; before it the training that maps a task, where one region of its data map is wanted
phase 3  the target's training tasks, one artifact each, every one starting from the one before
phase 4  evaluation: a result file and its predictions
"""

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from xstilts import recipes, signals, sources
from xstilts.cell import inputs, planning
from xstilts.cell.checks import check
from xstilts.cell.encoder_identity import check_world, encoder_identity, trains_encoder, with_attention_used
from xstilts.cell.planning import Phase
from xstilts.cell.unread import unread
from xstilts.config import Config, ModelConfig
from xstilts.errors import AlreadyReported, UserError, combined
from xstilts.jobs import EvaluationJob, Job, ReadingJob, Split, TrainingJob, write_job
from xstilts.launch.process import describe_exit, last_error, run_worker
from xstilts.launch.slurm import make_way, srun, starts_by_srun
from xstilts.paths import LAST_CHECKPOINT, LAST_STEP, WORKER_ERROR, CellPaths, cell_name, checksum_cache, log_file
from xstilts.store import artifacts
from xstilts.store.files import disk_full_as_user_error, read_json_object
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import data_checksums, task_identity
from xstilts.store.locks import locked
from xstilts.store.result_shape import SCHEMA
from xstilts.store.results import read_result
from xstilts.tracking.identity import of_evaluation

log = logging.getLogger("xstilts")

RESULT_VERSION = 2
"""Raised when evaluation changes so that old results are no longer what the same config would give."""


@dataclass(frozen=True)
class Cell:
    """All phases of one cell."""

    pretraining: list[Phase]
    """Phase 1, where it is made from text: the tokenizer, then the encoder. Shared by all cells, as a public encoder is."""
    training: list[Phase]
    """Phases 2 and 3."""
    evaluation: EvaluationJob
    paths: CellPaths


def plan(config: Config, download: bool = True) -> Cell:
    """Work out a cell's phases and their fingerprints; downloads what is on the Hub, reads raw data files for their checksums,
    and trains nothing.

    Without `download`, from what is on this disk alone: where data is missing, the fingerprints are provisional.
    """
    asked, config = config, _prepared(config) if download else config
    config = replace(config, model=with_attention_used(config.model))
    _check_world(config)
    store = Path(config.store.root).absolute()
    first, parent = _first_phase(config, store)
    if first:
        config = replace(config, model=replace(config.model, tokenizer=str(first[0].paths.folder)))
    phases = first[1:]
    if config.intermediate.tasks:
        tasks, override, before = config.intermediate.tasks, config.intermediate.recipe, _last(phases)
        maps = planning.data_maps(config, store, parent, before)
        phases += maps.values()
        phases.append(planning.training(config, store, 2, tasks, override, parent, before, carry_head=False, maps=maps))
        parent = phases[-1].paths.fingerprint
    for number, (name, task) in enumerate(config.target.training.items()):
        override = config.target.recipe
        phases.append(planning.training(config, store, 3, {name: task}, override, parent, _last(phases), carry_head=number > 0))
        parent = phases[-1].paths.fingerprint
    return _with_evaluation(config, store, asked.model, parent, first, phases[len(first[1:]) :])


def _prepared(config: Config) -> Config:
    """The config with all that it needs on this disk. What a Hub model's own files forbid is refused before data is fetched."""
    model = inputs.local_model(config)
    if model != config.model:
        config = replace(config, model=model)
        check(config)
    return inputs.ensure(config)


def _first_phase(config: Config, store: Path) -> tuple[list[Phase], str]:
    """The jobs of phase 1, where it is made from text, and the fingerprint of the encoder that the next phase starts from."""
    cache = checksum_cache(store)
    if not trains_encoder(config.model):
        return [], fingerprint(encoder_identity(config.model, cache))
    tokenizer = planning.tokenizer(config, store)
    parent = fingerprint(encoder_identity(config.model, cache, tokenizer.paths.fingerprint))
    if not config.pretraining.encoder:
        return [tokenizer], parent
    model = replace(config.model, tokenizer=str(tokenizer.paths.folder))
    encoder = planning.pretraining(config, store, model, parent)
    return [tokenizer, encoder], encoder.paths.fingerprint


def _last(phases: list[Phase]) -> Phase | None:
    return phases[-1] if phases else None


def _check_world(config: Config) -> None:
    used = (config.intermediate.tasks, config.target.training)
    tasks = [config.target.task, *(training.task for tasks in used for training in tasks.values())]
    check_world(config.model, config.data, tasks)


def run(config: Config) -> dict[str, Any] | None:
    """Run what is missing of a cell and return its result; None where `config.stop_after` names an artifact to end with."""
    cell = plan(config)
    if config.stop_after:
        _make_until(cell, config)
        return None
    if (result := check_stored(cell, config)) is not None:
        log.info(f"this cell is done, nothing to do: {cell.paths.result}")
        return result
    check_data(unread_data(cell, config), config)
    cell.paths.result.unlink(missing_ok=True)
    for phase in cell.pretraining:
        ensure_made(phase, config)
    for phase in cell.training:
        ensure_made(phase, config, refresh=config.store.refresh == "all")
    _ensure_evaluated(cell, config)
    log.info(f"result: {cell.paths.result}")
    return read_result(cell.paths.result)


def check_stored(cell: Cell, config: Config) -> dict[str, Any] | None:
    """The cell's result, if it exists and is not to be made again.

    UserError, before anything is trained, where the result or an artifact that would be used is broken or another's.
    """
    for phase in [*cell.pretraining, *cell.training]:
        if phase.done and not (config.store.refresh == "all" and phase in cell.training):
            artifacts.check(phase.paths.folder)
        elif phase.paths.folder.exists() and not phase.paths.folder.is_dir():
            raise UserError(f"{phase.paths.folder} is no folder, expected an artifact or nothing: delete it")
    path, key = cell.paths.result, cell.evaluation.header["fingerprint"]
    if not path.exists():
        return None
    if config.store.refresh != "never" and path.is_file():
        return None
    result = read_result(path)
    if result["fingerprint"] != key:
        raise UserError(f"{path} is the result of the cell {result['fingerprint']}, expected {key}: delete it, or move it away")
    return result


def _make_until(cell: Cell, config: Config) -> None:
    """Make the artifact that `config.stop_after` names, and what is missing before it."""
    phases = cell.pretraining + cell.training
    wanted = [phase.paths.fingerprint for phase in phases]
    if config.stop_after not in wanted:
        known = " ".join(wanted) or "none"
        raise UserError(f"stop_after={config.stop_after}: this cell's artifacts are {known}; run the sweep again")
    phases = phases[: wanted.index(config.stop_after) + 1]
    missing = [phase.job for phase in phases if not phase.done]
    check_data(unread(missing, None, Path(config.store.root).absolute()), config)
    for phase in phases:
        last = phase is phases[-1]
        ensure_made(phase, config, refresh=last and phase in cell.training and config.store.refresh == "all")


def pretrain(config: Config) -> Path:
    """Make what is missing of phase 1 and return its artifact's folder: the encoder, or the tokenizer where no more is asked for.

    This is what trains it again with `store.refresh=all`; in a cell, that is about the cell's own phases.
    """
    config = inputs.ensure(config)
    store = Path(config.store.root).absolute()
    phases, _ = _first_phase(config, store)
    check_data(unread([phase.job for phase in phases if not phase.done], None, store), config)
    for phase in phases:
        ensure_made(phase, config, refresh=config.store.refresh == "all")
    return phases[-1].paths.folder


def unread_data(cell: Cell, config: Config) -> list[Split]:
    """The data that the cell has still to read, apart from what was read before; of a finished cell, none."""
    if cell.paths.result.exists() and config.store.refresh == "never":
        return []
    again = cell.training if config.store.refresh == "all" else []
    missing = [phase.job for phase in cell.pretraining + cell.training if phase in again or not phase.done]
    return unread(missing, cell.evaluation, Path(config.store.root).absolute())


def check_data(splits: list[Split], config: Config) -> None:
    """Have the data read once, before anything is trained on it; UserError with a line for each problem."""
    if problems := data_problems(splits, config):
        raise combined(line for lines in problems.values() for line in lines)


def data_problems(splits: list[Split], config: Config) -> dict[str, list[str]]:
    """Have the data read by a worker: mark -> what is wrong, of the splits with a problem. `config`: where and how it works."""
    if not splits:
        return {}
    work = Path(mkdtemp(prefix="xstilts-reading-"))  # this machine's, since store and output may be full or read-only
    names = ", ".join(dict.fromkeys(f"{split.task.name} {split.split}" for split in splits))
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


def _with_evaluation(
    config: Config, store: Path, asked: ModelConfig, parent: str, first: list[Phase], phases: list[Phase]
) -> Cell:
    """`asked`: the model as the user chose it, before it was a folder on this disk."""
    target = config.target
    hyperparameters = recipes.for_task(config.recipe, target.task, target.recipe)
    splits = list(target.splits or target.task.evaluate)
    languages = list(target.languages or target.task.languages)
    identity = {
        "kind": "result",
        "version": RESULT_VERSION,
        "parent": parent,
        "task": task_identity(target.task, sources.source_name(target.task, config.data)),
        "metrics": target.task.metrics,
        "protocol": target.task.protocol,
        "splits": splits,
        "languages": languages,
        "max_test_examples": target.max_test_examples,
        "limits": without_defaults(recipes.limits(hyperparameters)),
        "embeddings": [
            hyperparameters.retrieval_layers,
            hyperparameters.retrieval_layer_of_24,
            hyperparameters.retrieval_pooling,
        ],
        "pooler": config.model.pooler,
        "precision": config.trainer.precision,
        "attention": config.model.attention,
        "data": data_checksums(target.task, config.data, splits, languages, checksum_cache(store)),
    }
    # The cell's own choices too: two cells may share an artifact and still be two points of a grid.
    key = fingerprint(identity | {"seed": config.seed, "intermediate": sorted(config.intermediate.tasks)})
    paths = CellPaths(
        Path(config.output).absolute(), cell_name(list(config.intermediate.tasks), target.task.name, config.seed, key)
    )
    cell = {
        "study": config.study,
        "source_language": _source_language(config),
        "intermediate": list(config.intermediate.tasks) or ["none"],
        "target": target.task.name,
        "training": list(target.training),
        "seed": config.seed,
        "model": asked.name_or_path or "tiny",
        "recipe": config.recipe.name,
    }
    last_training = list(target.training.values())[-1].task if target.training else None
    job = EvaluationJob(
        label=f"phase 4: {target.task.name}",
        artifact=str(last.paths.folder) if (last := _last([*first[1:], *phases])) else None,
        model=config.model,
        data=config.data,
        target=target,
        hyperparameters=hyperparameters,
        labels=last_training.labels if last_training and last_training.labels else target.task.labels,
        result=str(paths.result),
        predictions=str(paths.predictions),
        header={
            "schema": SCHEMA,
            "cell": cell,
            "fingerprint": key,
            "artifacts": [
                {"kind": p.paths.kind, "fingerprint": p.paths.fingerprint, "label": p.job.label} for p in [*first, *phases]
            ],
            "config": asdict(config if not first else replace(config, model=asked)),
        },
        trainer=config.trainer,
        logger=config.logger,
        run=of_evaluation(config, key),
        features=planning.features_store(config, store),
    )
    return Cell(first, phases, job, paths)


def _source_language(config: Config) -> str:
    """Return the last training language of the target; without training, the world's pivot, else English."""
    if config.target.training:
        return list(config.target.training.values())[-1].languages[0]
    return next(iter(config.data.world.languages), "en") if config.data.source == "babel" else "en"


def ensure_made(phase: Phase, config: Config, refresh: bool = False) -> None:
    """Do the phase's job unless its artifact exists, or in any case to `refresh` it; whoever comes second waits for the first."""
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


def _ensure_evaluated(cell: Cell, config: Config) -> None:
    paths = cell.paths
    with locked(paths.lock, lambda holder: log.info(f"{cell.evaluation.label}: waiting for {holder}")):
        if paths.result.exists():
            return
        log.info(f"{cell.evaluation.label}: evaluating")
        paths.work.mkdir(parents=True, exist_ok=True)
        output = log_file(paths.output, "phase 4", paths.name)
        _work(cell.evaluation, paths.job, paths.worker_log, config.worker, paths.result.exists, output)
        shutil.rmtree(paths.work, ignore_errors=True)


def _work(job: Job, job_file: Path, notes: Path, worker: str, succeeded: Callable[[], bool], output: Path) -> None:
    """Have the job done; only what it leaves behind means success. `output`: where what it says goes with worker=logged."""
    with disk_full_as_user_error(job_file):
        write_job(job, job_file)
    job_file.with_name(WORKER_ERROR).unlink(missing_ok=True)
    by_srun = isinstance(job, TrainingJob | EvaluationJob) and starts_by_srun(job.trainer)
    if worker == "inline":
        _work_here(job, by_srun, job_file.parent)
        return
    starter = srun(job.trainer, job_file) if isinstance(job, TrainingJob | EvaluationJob) and by_srun else None
    logged = output if worker == "logged" else None
    code = run_worker(job_file, notes, output=logged, starter=starter)
    if number := signals.last_received() or signals.stop_signal(code):
        make_way(signals.Stopped(number, _kept(job_file.parent)))
    if code == 2 and logged:
        raise UserError(last_error(logged))
    if code == 2:
        raise WorkerRefused(_refusal(job_file.with_name(WORKER_ERROR)))
    if not succeeded():
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
    """Return what a stopped job left to resume from, judged by its folder."""
    with contextlib.suppress(OSError):
        return f"checkpoint at step {(work / LAST_CHECKPOINT).with_suffix(LAST_STEP).read_text()}"
    return signals.FINISHED


class WorkerRefused(AlreadyReported):
    """The worker has told the user already what is wrong."""
