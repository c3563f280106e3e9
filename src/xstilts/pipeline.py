"""A cell's four phases, in order: what each needs, which of them exist, and the run of those that do not. No torch.

phase 1  the pretrained encoder (given, or built by `model=tiny`)
phase 2  intermediate tasks, one artifact
phase 3  the target's training tasks, one artifact each, every one starting from the one before
phase 4  evaluation: a result file and its predictions
"""

import logging
import shutil
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xstilts import recipes, sources
from xstilts.config import Config, Hyperparameters
from xstilts.errors import ToldAlready, UserError
from xstilts.launch.process import describe_exit, run_worker
from xstilts.paths import ArtifactPaths, CellPaths, cell_name, checksum_cache, curves_dir
from xstilts.phases import inputs
from xstilts.phases.jobs import EvaluationJob, Job, TrainingJob, write_job
from xstilts.phases.pretrained import encoder_identity
from xstilts.store.artifacts import is_done, remove, verify
from xstilts.store.files import disk_full_means
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import data_checksums, task_identity
from xstilts.store.locks import locked
from xstilts.store.results import SCHEMA, read_result
from xstilts.tasks.declaration import Task, TrainingTask

log = logging.getLogger("xstilts")

ARTIFACT_VERSION = 1
"""Raised when training itself changes so that old artifacts are no longer what the same config would give."""
RESULT_VERSION = 1
"""The same for evaluation."""


@dataclass(frozen=True)
class TrainingPhase:
    """Phase 2 or 3: a job, and where its artifact is or will be."""

    job: TrainingJob
    paths: ArtifactPaths

    @property
    def done(self) -> bool:
        """Whether the artifact exists."""
        return is_done(self.paths.folder)


@dataclass(frozen=True)
class Cell:
    """All phases of one cell."""

    training: list[TrainingPhase]
    evaluation: EvaluationJob
    paths: CellPaths


def plan(config: Config) -> Cell:
    """Work out a cell's phases and their fingerprints; downloads what is on the Hub, reads raw data files for their checksums,
    and trains nothing."""
    model, config = config.model.name_or_path or "tiny", inputs.ensure(config)
    store = Path(config.store.root).absolute()
    parent = fingerprint(encoder_identity(config.model, checksum_cache(store)))
    phases: list[TrainingPhase] = []
    if config.intermediate.tasks:
        phases.append(_training(config, store, 2, config.intermediate.tasks, config.intermediate.recipe, parent, None, False))
    for number, (name, task) in enumerate(config.target.training.items()):
        before = phases[-1] if phases else None
        start = before.paths.fingerprint if before else parent
        phases.append(_training(config, store, 3, {name: task}, config.target.recipe, start, before, carry_head=number > 0))
    return _with_evaluation(config, store, model, parent, phases)


def run(config: Config) -> dict[str, Any]:
    """Run what is missing of a cell and return its result."""
    cell = plan(config)
    if config.store.refresh != "never":
        cell.paths.result.unlink(missing_ok=True)
    if cell.paths.result.exists():
        log.info(f"this cell is done, nothing to do: {cell.paths.result}")
        return read_result(cell.paths.result)
    for phase in cell.training:
        _ensure_trained(phase, config)
    _ensure_evaluated(cell, config)
    log.info(f"result: {cell.paths.result}")
    return read_result(cell.paths.result)


def _training(
    config: Config,
    store: Path,
    phase: int,
    tasks: dict[str, TrainingTask],
    override: Hyperparameters,
    parent: str,
    before: TrainingPhase | None,
    carry_head: bool,
) -> TrainingPhase:
    hyperparameters = recipes.for_phase(config.recipe, tasks, override)
    by_task = {name: recipes.for_task(config.recipe, task.task, override) for name, task in tasks.items()}
    identity = {
        "kind": "training",
        "version": ARTIFACT_VERSION,
        "parent": parent,
        "pooler": config.model.pooler,
        "carry_head": carry_head,
        "tasks": {name: _training_identity(config, store, task, by_task[name], hyperparameters) for name, task in tasks.items()},
        "hyperparameters": without_defaults(_of_training(hyperparameters, {task.task.format for task in tasks.values()})),
        "mixture": without_defaults(config.intermediate.mixture) if len(tasks) > 1 else {},
        "precision": config.trainer.precision,
        "seed": config.seed,
    }
    paths = ArtifactPaths(store, "trained", fingerprint(identity))
    job = TrainingJob(
        label=f"phase {phase}: {'+'.join(tasks)}",
        identity=identity,
        artifact=str(paths.folder),
        work=str(paths.work),
        curves=str(curves_dir(Path(config.output).absolute(), list(tasks), paths.fingerprint)),
        parent=str(before.paths.folder) if before else None,
        carry_head=carry_head,
        model=config.model,
        data=config.data,
        tasks=tasks,
        hyperparameters=hyperparameters,
        by_task=by_task,
        mixture=config.intermediate.mixture,
        seed=config.seed,
        trainer=config.trainer,
        logger=config.logger,
        features=_features_store(config, store),
    )
    return TrainingPhase(job, paths)


def _training_identity(
    config: Config, store: Path, training: TrainingTask, by_task: Hyperparameters, hyperparameters: Hyperparameters
) -> dict[str, Any]:
    """What of one training task determines the artifact: its meaning, its data, how much of it, and how it is cut."""
    splits = [training.train]
    if hyperparameters.selection == "best" or hyperparameters.eval_every:
        splits.append(training.validation)
    chosen = without_defaults(replace(training, task=Task(), validation=splits[-1]))
    chosen.pop("task", None)
    return {
        "task": task_identity(training.task, sources.source_name(training.task, config.data)),
        "use": chosen,
        "limits": without_defaults(recipes.limits(by_task)),
        "mlm_probability": by_task.mlm_probability if training.task.format == "mlm" else None,
        "data": data_checksums(
            training.task,
            config.data,
            [sources.parse_split(split)[0] for split in splits],
            training.languages,
            checksum_cache(store),
        ),
    }


def _features_store(config: Config, store: Path) -> str:
    return str(store) if config.store.features else ""


def _of_training(hyperparameters: Hyperparameters, formats: set[str]) -> Hyperparameters:
    """Without what is told by task (`limits`, masking), and without the embeddings' layers where nothing is embedded."""
    elsewhere = [*recipes.LIMIT_NAMES, "mlm_probability"]
    if "retrieval" not in formats:
        elsewhere += ["retrieval_layers", "retrieval_layer_of_24", "retrieval_pooling"]
    return replace(hyperparameters, **dict.fromkeys(elsewhere))


def _with_evaluation(config: Config, store: Path, model: str, encoder: str, phases: list[TrainingPhase]) -> Cell:
    target = config.target
    hyperparameters = recipes.for_task(config.recipe, target.task, target.recipe)
    splits = list(target.splits or target.task.evaluate)
    languages = list(target.languages or target.task.languages)
    identity = {
        "kind": "result",
        "version": RESULT_VERSION,
        "parent": phases[-1].paths.fingerprint if phases else encoder,
        "task": task_identity(target.task, sources.source_name(target.task, config.data)),
        "metrics": target.task.metrics,
        "protocol": target.task.protocol,
        "splits": splits,
        "languages": languages,
        "max_test_examples": target.max_test_examples,
        "limits": without_defaults(recipes.limits(hyperparameters)),
        "retrieval": [hyperparameters.retrieval_layers, hyperparameters.retrieval_layer_of_24, hyperparameters.retrieval_pooling],
        "pooler": config.model.pooler,
        "precision": config.trainer.precision,
        "data": data_checksums(target.task, config.data, splits, languages, checksum_cache(store)),
    }
    # The cell's own choices too: two cells may share an artifact and still be two points of a grid.
    key = fingerprint(identity | {"seed": config.seed, "intermediate": sorted(config.intermediate.tasks)})
    paths = CellPaths(
        Path(config.output).absolute(), cell_name(list(config.intermediate.tasks), target.task.name, config.seed, key)
    )
    cell = {
        "study": config.study,
        "intermediate": list(config.intermediate.tasks) or ["none"],
        "target": target.task.name,
        "training": list(target.training),
        "seed": config.seed,
        "model": model,
        "recipe": config.recipe.name,
    }
    last_training = list(target.training.values())[-1].task if target.training else None
    job = EvaluationJob(
        label=f"phase 4: {target.task.name}",
        artifact=str(phases[-1].paths.folder) if phases else None,
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
            "artifacts": [{"kind": p.paths.kind, "fingerprint": p.paths.fingerprint, "label": p.job.label} for p in phases],
            "config": asdict(config),
        },
        trainer=config.trainer,
        features=_features_store(config, store),
    )
    return Cell(phases, job, paths)


def _ensure_trained(phase: TrainingPhase, config: Config) -> None:
    """Train the phase unless its artifact exists; whoever comes second waits for the first."""
    paths = phase.paths
    refresh = config.store.refresh == "all"
    with locked(paths.lock, lambda holder: log.info(f"{phase.job.label}: waiting for {holder}")):
        if phase.done and not refresh:
            verify(paths.folder)
            log.info(f"{phase.job.label}: reused {paths.fingerprint}")
            return
        if refresh:
            remove(paths.folder)
            shutil.rmtree(paths.work, ignore_errors=True)
        paths.work.mkdir(parents=True, exist_ok=True)
        resume = str(paths.last_checkpoint) if paths.last_checkpoint.exists() else None
        log.info(f"{phase.job.label}: {'resuming' if resume else 'training'} {paths.fingerprint}")
        _work(replace(phase.job, resume=resume), paths.job, paths.worker_log, config.worker, lambda: phase.done)


def _ensure_evaluated(cell: Cell, config: Config) -> None:
    paths = cell.paths
    with locked(paths.lock, lambda holder: log.info(f"{cell.evaluation.label}: waiting for {holder}")):
        if paths.result.exists():
            return
        log.info(f"{cell.evaluation.label}: evaluating")
        paths.work.mkdir(parents=True, exist_ok=True)
        _work(cell.evaluation, paths.job, paths.worker_log, config.worker, paths.result.exists)
        shutil.rmtree(paths.work, ignore_errors=True)


def _work(job: Job, job_file: Path, log_file: Path, worker: str, succeeded: Callable[[], bool]) -> None:
    """Have the job done; only what it leaves behind means success."""
    with disk_full_means(job_file):
        write_job(job, job_file)
    if worker == "inline":
        from xstilts.worker import run as run_inline

        run_inline(job)
        return
    signals: list[signal.Signals] = []
    code = run_worker(job_file, log_file, on_signal=signals.append)
    if signals:  # the worker has had its chance to stop in good order; now the signal has its usual effect on us
        signal.raise_signal(signals[-1])
    if code == 2:
        raise WorkerRefused
    if not succeeded():
        raise UserError(f"{job.label} failed with {describe_exit(code)}; its output is above, its job in {job_file}")


class WorkerRefused(ToldAlready):
    """The worker has told the user already what is wrong."""
