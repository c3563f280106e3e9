"""One training phase, from its job to a published artifact (phases 1, 2 and 3)."""

import logging
import shutil
from pathlib import Path

import pytorch_lightning as pl
from torch import nn
from transformers import PreTrainedTokenizerBase

from xstilts.data import data_maps
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError
from xstilts.export import checkpoint
from xstilts.export.card_scores import first_card
from xstilts.jobs import TrainingJob
from xstilts.models.adapters import put_on
from xstilts.models.encoder import Encoder
from xstilts.paths import DYNAMICS
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.store.files import disk_full_as_user_error
from xstilts.tasks.declaration import Task
from xstilts.tracking.identity import resolved
from xstilts.tracking.loggers import build_logger
from xstilts.tracking.runs import TrackedRun, tracked
from xstilts.training.callbacks import progress
from xstilts.training.callbacks.example_dynamics import Dynamics
from xstilts.training.callbacks.graceful_stop import GracefulStop, keep_handlers
from xstilts.training.callbacks.throughput import around
from xstilts.training.callbacks.trim_vocabulary import TrimVocabulary
from xstilts.training.callbacks.validation import ValidateAndCheckpoint
from xstilts.training.datamodule import TaskDataModule
from xstilts.training.determinism import derived_seed, deterministic
from xstilts.training.given_head import load_given_head
from xstilts.training.load import check_length, fresh_heads, load_encoder
from xstilts.training.memory import out_of_memory_means
from xstilts.training.module import TaskModule
from xstilts.training.provenance import encoder_of, provenance
from xstilts.training.trainer import WholeCheckpoints, trainer_options
from xstilts.versions import versions

log = logging.getLogger("xstilts")
Heads = dict[str, tuple[Task, nn.Module]]


def train(job: TrainingJob) -> None:
    """Train what the job says and publish the artifact; a run that was killed goes on from `job.resume`."""
    with tracked(job.logger, job.run, resolved(job), job.resume is not None) as run:
        run.used(job.parent)
        _train(job, run)


def _train(job: TrainingJob, run: TrackedRun) -> None:
    pl.seed_everything(derived_seed("phase", job.seed) % 2**32, workers=True, verbose=False)
    deterministic()
    tokenizer = load_tokenizer(job.parent or job.tokenizer)
    encoder, heads = _model(job, tokenizer)
    module = TaskModule(encoder, {name: head for name, (_, head) in heads.items()}, job.hyperparameters, job.seed)
    data = data_of(job, tokenizer, encoder.padding_free)
    data.setup("fit")
    assert data.plan
    steps, work = len(data.plan), Path(job.work)
    trim = TrimVocabulary(job.label, job.model.trim_vocabulary, work, Path(job.resume) if job.resume else None)
    selection = ValidateAndCheckpoint(
        folder=work,
        validates=data.validate,
        eval_every=job.hyperparameters.eval_every or 0,
        patience=job.hyperparameters.patience or 0,
        keep_best=job.hyperparameters.selection == "best",
        checkpoint_every=job.trainer.checkpoint_every,
        total_steps=steps,
    )
    recorded = [Dynamics(features, data.plan.batch_size, steps) for features in data.training.values() if job.dynamics]
    stop = GracefulStop(selection.resume_path, steps)
    trainer = pl.Trainer(
        **trainer_options(job.trainer, WholeCheckpoints()),
        max_epochs=1,
        logger=build_logger(job.logger, Path(job.curves), run),
        log_every_n_steps=job.logger.every_n_steps,
        callbacks=[trim, *around([*recorded, selection, stop], job.logger.every_n_steps), progress.shown(job.label)],
        default_root_dir=work,
    )
    keep_handlers(trainer)
    with stop.listening():
        with disk_full_as_user_error(work), out_of_memory_means(job.label):
            trainer.fit(module, datamodule=data, ckpt_path=job.resume, weights_only=True)
        if trainer.is_global_zero:
            selection.restore_best(module)
            trim.restore(module)
            _publish(job, encoder, heads, data, selection, recorded)
            run.made(job.artifact)
            shutil.rmtree(work, ignore_errors=True)
    trainer.strategy.barrier()


def data_of(job: TrainingJob, tokenizer: PreTrainedTokenizerBase, padding_free: bool = False) -> TaskDataModule:
    """The data module of the job."""
    return TaskDataModule(
        job.tasks,
        tokenizer,
        job.hyperparameters,
        mixture=job.mixture,
        seed=job.seed,
        trainer=job.trainer,
        padding_free=padding_free,
        validate=job.validates,
        store=job.features,
    )


def _model(job: TrainingJob, tokenizer: PreTrainedTokenizerBase) -> tuple[Encoder, Heads]:
    """The parent's encoder, and one head per head name: fresh, or the parent's where the job says so."""
    encoder = load_encoder(job.model, job.trainer, tokenizer, job.base if job.adapters else job.parent)
    if job.adapters:
        encoder.published_pooler = {}  # the parent's heads.safetensors has the pooler that goes on
    saved = checkpoint.load_heads(Path(job.parent)) if job.parent else {}
    tasks = {name: training.task for name, training in job.tasks.items()}
    by_task = {name: training.hyperparameters for name, training in job.tasks.items()}
    heads = fresh_heads(tasks, encoder, by_task, job.seed)
    if job.model.pooler != "none" and any(head.needs_pooler for _, head in heads.values()):
        encoder.add_pooler(published=job.model.pooler == "carried")
        if job.model.pooler == "carried":
            checkpoint.restore_pooler(saved, encoder)
    if job.carry_head:
        for _, head in heads.values():
            if not checkpoint.restore_head(saved, head):
                raise UserError(f"{job.label} goes on with the head of {job.parent}, which has none")
    if job.head:
        heads = {name: (task, load_given_head(job.head, task, encoder, job.hyperparameters)) for name, (task, _) in heads.items()}
    for name, values in by_task.items():
        check_length(encoder, values.max_length, name)
    if job.hyperparameters.dropout is not None:
        encoder.set_dropout(job.hyperparameters.dropout)
    if job.hyperparameters.freeze_embeddings:
        encoder.freeze_embeddings()
    if job.hyperparameters.adapter:
        seed, place = derived_seed("adapter", job.seed), {} if job.base else encoder_of(job.model)
        encoder.adapters = put_on(encoder.backbone, job.hyperparameters, seed, job.adapters, job.keeps_adapter, place)
        log.info(f"{job.label}: trains {encoder.adapters.told}")
    return encoder, heads


def _publish(
    job: TrainingJob,
    encoder: Encoder,
    heads: Heads,
    data: TaskDataModule,
    selection: ValidateAndCheckpoint,
    recorded: list[Dynamics],
) -> None:
    assert data.plan
    final, steps = Path(job.artifact), len(data.plan)
    examples = {name: task.example_count() for name, task in data.training.items()}
    adapter = encoder.adapters and {
        "kind": job.hyperparameters.adapter,
        "base": Path(job.base).name if job.base else None,
        "number": len(encoder.adapters.names),
        "trained": encoder.adapters.trained,
        "weights": encoder.adapters.weights,
    }
    with temporary_folder(final) as folder:
        classes = checkpoint.export(folder, encoder, heads, data.tokenizer)
        for dynamics in recorded:
            training = dynamics.training
            data_maps.write(folder / DYNAMICS, training.examples, training.features["example"][:], dynamics.epochs)
        metadata = {
            "label": job.label,
            "identity": job.identity,
            "heads": {name: task.format for name, (task, _) in heads.items()},
            "hugging_face_classes": classes,
            "steps": steps,
            "selected_step": selection.best_step if selection.keep_best and selection.best is not None else steps,
            "validation": selection.history,
            "parent": job.parent,
            **({"adapter": adapter} if adapter else {}),
            "versions": versions(),
            **provenance(job, examples),
        }
        first_card(folder, metadata)
        publish(folder, final, metadata)
