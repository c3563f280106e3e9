"""One training phase, from its job to a published artifact (phases 1, 2 and 3)."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from datasets import concatenate_datasets
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment  # type: ignore[attr-defined]
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import nn
from transformers import PreTrainedTokenizerBase

from xstilts import recipes
from xstilts.data import data_maps
from xstilts.data.batches import TaskFeatures
from xstilts.data.datamodule import TaskDataModule
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.plan import StepPlan
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError
from xstilts.export import checkpoint
from xstilts.export.card_scores import first_card
from xstilts.jobs import TrainingJob, wants_validation
from xstilts.launch.slurm import starts_by_srun
from xstilts.models import trimming
from xstilts.models.encoder import Encoder, build_encoder, load_backbone
from xstilts.models.heads import build_head
from xstilts.paths import DYNAMICS, LAST_STEP, WORD_EMBEDDINGS
from xstilts.sources.load import load
from xstilts.sources.subset import subset
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.store.features import Prepared, feature_identity, load_or_build
from xstilts.store.files import atomic_write, disk_full_as_user_error
from xstilts.tasks.declaration import head_name
from xstilts.tasks.formats import format_of
from xstilts.tracking.identity import resolved
from xstilts.tracking.loggers import build_logger
from xstilts.tracking.runs import TrackedRun, tracked
from xstilts.training import prediction
from xstilts.training.callbacks import progress
from xstilts.training.callbacks.example_dynamics import Dynamics
from xstilts.training.callbacks.graceful_stop import GracefulStop, keep_handlers
from xstilts.training.callbacks.throughput import around
from xstilts.training.callbacks.validation import ValidateAndCheckpoint
from xstilts.training.determinism import deterministic
from xstilts.training.distributed import ManualDDPStrategy
from xstilts.training.memory import out_of_memory_means
from xstilts.training.module import TaskModule, derived_seed
from xstilts.training.provenance import provenance
from xstilts.versions import versions

log = logging.getLogger("xstilts")


def train(job: TrainingJob) -> None:
    """Train what the job says and publish the artifact; a run that was killed goes on from `job.resume`."""
    with tracked(job.logger, job.run, resolved(job), job.resume is not None) as run:
        run.used(job.parent)
        _train(job, run)


def _train(job: TrainingJob, run: TrackedRun) -> None:
    pl.seed_everything(derived_seed("phase", job.seed) % 2**32, workers=True, verbose=False)
    deterministic()
    tokenizer = load_tokenizer(job.parent or tokenizer_place(job.model), None if job.parent else job.model.revision)
    encoder, heads = _model(job, tokenizer)
    for name, values in job.by_task.items():
        check_length(encoder, values.max_length, name)
    if job.hyperparameters.dropout is not None:
        encoder.set_dropout(job.hyperparameters.dropout)
    if job.hyperparameters.freeze_embeddings:
        encoder.freeze_embeddings()
    training = {name: _features(job, name, tokenizer) for name in job.tasks}
    validation = {name: _validation(job, name, tokenizer) for name in job.tasks} if wants_validation(job) else {}
    plan = StepPlan(
        sizes={name: len(features.features) for name, features in training.items()},
        batch_size=job.hyperparameters.batch_size or 0,
        seed=job.seed,
        epochs=job.hyperparameters.epochs or 0,
        max_steps=job.hyperparameters.max_steps,
        mixture=job.mixture,
    )
    model = TaskModule(encoder, {name: head for name, (_, head) in heads.items()}, job.hyperparameters, job.seed, len(plan))
    model.train()  # `from_pretrained` gives an encoder in evaluation mode, and Lightning leaves it so: no dropout
    work = Path(job.work)
    selection = ValidateAndCheckpoint(
        folder=work,
        score=(lambda outputs: prediction.selection_score(validation, outputs)) if validation else None,
        eval_every=job.hyperparameters.eval_every or 0,
        patience=job.hyperparameters.patience or 0,
        keep_best=job.hyperparameters.selection == "best",
        checkpoint_every=job.trainer.checkpoint_every,
        total_steps=len(plan),
    )
    recorded = [Dynamics(features, plan.batch_size, len(plan)) for features in training.values() if job.dynamics]
    stop = GracefulStop(selection.resume_path, len(plan))
    trainer = pl.Trainer(
        **trainer_options(job.trainer, WholeCheckpoints()),
        max_epochs=1,
        logger=build_logger(job.logger, Path(job.curves), run),
        log_every_n_steps=job.logger.every_n_steps,
        callbacks=[*around([*recorded, selection, stop], job.logger.every_n_steps), *progress.bars(job.label)],
        default_root_dir=work,
    )
    keep_handlers(trainer)
    data = TaskDataModule(
        list(training.values()),
        plan,
        list(training.values()) if job.dynamics else [item.features for item in validation.values()],
        job.trainer.max_tokens,
        job.trainer.max_eval_tokens,
        encoder.padding_free,
    )
    with stop.listening():
        with disk_full_as_user_error(work), out_of_memory_means(job.label):
            _trim(job, model, [*training.values(), *(item.features for item in validation.values())], trainer.is_global_zero)
            trainer.fit(model, datamodule=data, ckpt_path=job.resume, weights_only=True)
        selection.restore_best(model)
        if trainer.is_global_zero:
            trimming.restore(model.encoder, work / WORD_EMBEDDINGS)
            examples = {name: len(of.features.data.column("example").unique()) for name, of in training.items()}
            _publish(job, model.encoder, heads, tokenizer, selection, len(plan), recorded, examples)
            run.made(job.artifact)
            shutil.rmtree(work, ignore_errors=True)
    trainer.strategy.barrier()


def _trim(job: TrainingJob, model: TaskModule, features: list[TaskFeatures], first: bool) -> None:
    """Leave the model those word embeddings that the features look up, where the job wants it; what was begun one way goes on so.

    `first`: this process is the one that will publish.
    """
    encoder, wanted, file = model.encoder, job.model.trim_vocabulary, Path(job.work) / WORD_EMBEDDINGS
    rows = len(encoder.word_embeddings)
    occurring = np.logical_or.reduce([item.occurring(rows) for item in features])
    if why := trimming.obstacle(encoder, model.heads.values()):
        if wanted:
            raise UserError(
                f"model.trim_vocabulary=true: {why} in {job.label}; leave it out: each phase does what is right for it"
            )
        return
    kept: torch.Tensor | None = torch.from_numpy(np.flatnonzero(occurring))
    if job.resume:
        kept = trimming.kept_in(Path(job.resume), encoder)
        if kept is not None and (missing := len(np.setdiff1d(np.flatnonzero(occurring), kept))):
            raise UserError(
                f"{job.resume} was written when the data had other tokens: {missing} of them have no embedding there; "
                f"delete the folder {job.work} and run the same command again"
            )
    elif not (encoder.word_embeddings.requires_grad if wanted is None else wanted):
        kept = None
    if kept is None:
        return
    if first and not (job.resume and file.exists()):
        with atomic_write(file) as temporary:
            trimming.write_rows(encoder, temporary)
    before = trimming.gradient_bytes(model)
    trimming.trim(encoder, kept)
    log.info(
        f"{job.label}: trains {len(kept):,} of {rows:,} word embeddings, all that its data has; "
        f"gradients of {trimming.gradient_bytes(model) / 1e6:,.1f} MB instead of {before / 1e6:,.1f} MB"
    )


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent, written beside their place.

    Lightning's own go by way of memory and the system's temporary folder, and the move from there to another disk, which a store
    shared by many machines always is, can be cut off half-way.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with atomic_write(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)
        with atomic_write(Path(path).with_suffix(LAST_STEP)) as temporary:
            temporary.write_text(str(checkpoint["global_step"]))


def trainer_options(trainer: Any, *plugins: Any) -> dict[str, Any]:
    """What every `pl.Trainer` of ours is told. Left alone, it would take any process in a SLURM job for a rank of it."""
    ranks = SLURMEnvironment(auto_requeue=False) if starts_by_srun(trainer) else LightningEnvironment()
    return {
        "accelerator": trainer.accelerator,
        "devices": trainer.devices,
        "num_nodes": trainer.num_nodes,
        "precision": trainer.precision,
        "strategy": "auto" if trainer.devices * trainer.num_nodes == 1 else ManualDDPStrategy(),
        "use_distributed_sampler": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "num_sanity_val_steps": 0,
        "plugins": [ranks, *plugins],
    }


def tokenizer_place(model: Any) -> str:
    """Where the tokenizer of phase 1 is."""
    place = model.tokenizer or model.name_or_path
    if place is None:
        raise UserError("model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER or a Hub id")
    return str(place)


def check_length(encoder: Encoder, max_length: int | None, task: str) -> None:
    """Refuse a max_length beyond the encoder's positions."""
    if max_length is not None and max_length > encoder.max_length:
        raise UserError(
            f"max_length={max_length} of task {task} is beyond the {encoder.max_length} tokens this encoder has positions for; "
            f"type intermediate.recipe.max_length={encoder.max_length} target.recipe.max_length={encoder.max_length}, or less"
        )


def load_encoder(job: Any, tokenizer: PreTrainedTokenizerBase, folder: str | None) -> Encoder:
    """The encoder of an artifact, or that of phase 1, as the trainer wants it run."""
    encoder = Encoder(load_backbone(folder, job.model.attention)) if folder else build_encoder(job.model, tokenizer)
    if job.trainer.padding_free and job.model.attention == "sdpa":
        encoder.leave_padding_out()
    if job.trainer.compile:
        encoder.compile_layers()
    return encoder


def _model(job: TrainingJob, tokenizer: PreTrainedTokenizerBase) -> tuple[Encoder, dict[str, Any]]:
    """The parent's encoder, and one head per head name: fresh, or the parent's where the job says so."""
    encoder = load_encoder(job, tokenizer, job.parent)
    saved = checkpoint.load_heads(Path(job.parent)) if job.parent else {}
    torch.manual_seed(derived_seed("heads", job.seed))
    heads: dict[str, tuple[Any, nn.Module]] = {}
    for name, training in job.tasks.items():
        task = training.task
        if head_name(task) in heads:
            _check_shared(heads[head_name(task)][0], task)
            continue
        heads[head_name(task)] = (task, build_head(task, encoder, job.by_task[name]))
    if job.model.pooler != "none" and any(head.needs_pooler for _, head in heads.values()):
        encoder.add_pooler()
        if job.model.pooler == "carried":
            checkpoint.restore_pooler(saved, encoder)
    if job.carry_head:
        for _, head in heads.values():
            if not checkpoint.restore_head(saved, head):
                raise UserError(f"{job.label} goes on with the head of {job.parent}, which has none")
    return encoder, heads


def _check_shared(first: Any, second: Any) -> None:
    if (first.format, first.labels) != (second.format, second.labels):
        raise UserError(
            f"tasks {first.name} and {second.name} share the head '{head_name(first)}' but not its format and labels: "
            f"{first.format} {first.labels} and {second.format} {second.labels}"
        )


def _features(job: TrainingJob, name: str, tokenizer: PreTrainedTokenizerBase) -> TaskFeatures:
    task = job.tasks[name].task
    return task_features(task, name, training_features(job, name, tokenizer), tokenizer, job.by_task[name])


def training_features(job: TrainingJob, name: str, tokenizer: PreTrainedTokenizerBase) -> Prepared:
    """The training examples of one of the job's tasks, and their features."""
    training, limits = job.tasks[name], recipes.limits(job.by_task[name])
    task = training.task
    taken: dict[str, Any] = {"max_examples": training.max_examples, "fraction": training.fraction}
    if training.language_exponent is not None:
        taken["language_exponent"] = training.language_exponent
    chosen, mapped = training.data_map, job.maps.get(name)
    if mapped:
        taken["data_map"] = [Path(mapped).name, chosen.region, chosen.fraction]

    def build() -> Prepared:
        examples = subset(
            load(task, job.data, training.train, training.languages),
            training.max_examples,
            training.fraction,
            training.language_exponent,
            format_of(task).candidate,
        )
        if mapped:
            examples = data_maps.in_region(examples, Path(mapped) / DYNAMICS, chosen.region or "", chosen.fraction)
        features = featurizer(task.format).featurize(examples, tokenizer, task, limits, True)
        if not len(features):
            raise UserError(f"task {name} has no training example left; got {len(examples)} examples without gold")
        return Prepared(examples, features, [len(examples)])

    parts = [(training.train, training.languages)]
    return load_or_build(
        job.features, lambda: feature_identity(task, job.data, parts, taken, tokenizer, limits, True, job.features), build
    )


def task_features(task: Any, name: str, made: Prepared, tokenizer: PreTrainedTokenizerBase, hyperparameters: Any) -> TaskFeatures:
    """The features, ready to be batched."""
    special = special_tokens(tokenizer, hyperparameters.mlm_probability or 0.15, masks=format_of(task).masks)
    return TaskFeatures(name, task.format, head_name(task), made.features, special, made.examples)


def _validation(job: TrainingJob, name: str, tokenizer: PreTrainedTokenizerBase) -> prediction.Evaluated:
    task, made = job.tasks[name].task, validation_features(job, name, tokenizer)
    features = task_features(task, name, made, tokenizer, job.by_task[name])
    return prediction.Evaluated(task, made.examples, features, recipes.limits(job.by_task[name]))


def validation_features(job: TrainingJob, name: str, tokenizer: PreTrainedTokenizerBase) -> Prepared:
    """The first `eval_examples` validation examples of the task, which select the checkpoint, and their features."""
    training, limits, number = job.tasks[name], recipes.limits(job.by_task[name]), job.hyperparameters.eval_examples
    parts, taken = [(training.validation, training.languages)], {"first": number}
    return evaluated_features(training.task, job.data, parts, taken, tokenizer, limits, job.features)


def evaluated_features(
    task: Any,
    data: Any,
    parts: list[tuple[str, list[str]]],
    taken: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    limits: Any,
    store: str,
) -> Prepared:
    """The examples of some splits, each in its languages, the `first` of each if `taken` says so, and their features."""

    def build() -> Prepared:
        read = [load(task, data, split, languages, max_examples=taken["first"]) for split, languages in parts]
        examples = concatenate_datasets(read)
        features = featurizer(task.format).featurize(examples, tokenizer, task, limits, False)
        return Prepared(examples, features, [len(part) for part in read])

    return load_or_build(store, lambda: feature_identity(task, data, parts, taken, tokenizer, limits, False, store), build)


def _publish(
    job: TrainingJob,
    encoder: Encoder,
    heads: dict[str, Any],
    tokenizer: Any,
    selection: ValidateAndCheckpoint,
    steps: int,
    recorded: list[Dynamics],
    examples: dict[str, int],
) -> None:
    final = Path(job.artifact)
    with temporary_folder(final) as folder:
        classes = checkpoint.export(folder, encoder, heads, tokenizer)
        for found in recorded:
            assert found.training.examples is not None
            data_maps.write(folder / DYNAMICS, found.training.examples, found.training.features["example"][:], found.epochs)
        metadata = {
            "label": job.label,
            "identity": job.identity,
            "heads": {name: task.format for name, (task, _) in heads.items()},
            "hugging_face_classes": classes,
            "steps": steps,
            "selected_step": selection.best_step if selection.keep_best and selection.best is not None else steps,
            "validation": selection.history,
            "parent": job.parent,
            "versions": versions(),
            **provenance(job, examples),
        }
        first_card(folder, metadata)
        publish(folder, final, metadata)
