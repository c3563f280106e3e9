"""Build a phase's job and its fingerprint, which gives its place in the store. Trains nothing. No torch.

The tokenizer and the encoder of phase 1, where they are made from text, are artifacts like those of phases 2 and 3.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xstilts import metrics, recipes, sources
from xstilts.cell.encoder_identity import world_identity
from xstilts.config import Config, Hyperparameters, Mixture, ModelConfig
from xstilts.jobs import TokenizerJob, TrainingJob
from xstilts.paths import ArtifactPaths, checksum_cache, curves_dir
from xstilts.store.artifacts import is_done
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import data_checksums, task_identity
from xstilts.tasks.declaration import DataMap, Task, TrainingTask
from xstilts.tasks.formats import format_of
from xstilts.tracking.identity import of_phase

ARTIFACT_VERSION = 2
"""Raised when training itself changes so that old artifacts are no longer what the same config would give."""
DYNAMICS_VERSION = 1
"""The same for `xstilts.training.callbacks.example_dynamics`, what is recorded and when."""
TOKENIZER_VERSION = 1
"""The same for `xstilts.data.bpe`, and for which lines it is given."""


@dataclass(frozen=True)
class Phase:
    """A job of phase 1, 2 or 3, and where its artifact is or will be."""

    job: TokenizerJob | TrainingJob
    paths: ArtifactPaths

    @property
    def done(self) -> bool:
        """Return whether the artifact exists."""
        return is_done(self.paths.folder)


def tokenizer(config: Config, store: Path) -> Phase:
    """Build the tokenizer of phase 1, trained on all of its text."""
    tasks = config.pretraining.tasks
    identity = {
        "kind": "tokenizer",
        "version": TOKENIZER_VERSION,
        "vocabulary": config.pretraining.vocabulary,
        "tasks": {name: _training_data(config, store, task, [task.train]) for name, task in tasks.items()},
    }
    paths = ArtifactPaths(store, "tokenizers", fingerprint(identity))
    job = TokenizerJob(
        label="phase 1: tokenizer",
        identity=identity,
        artifact=str(paths.folder),
        data=config.data,
        tasks=tasks,
        vocabulary=config.pretraining.vocabulary,
    )
    return Phase(job, paths)


def pretraining(config: Config, store: Path, model: ModelConfig, parent: str) -> Phase:
    """Phase 1 from text, starting from `model`, whose fingerprint is `parent`. Of the cell, neither seed nor pooler matter."""
    chosen = config.pretraining
    values = recipes.for_pretraining(config.recipe, chosen.recipe)
    world = world_identity(config.data, [task.task for task in chosen.tasks.values()])
    return _phase(
        replace(config, seed=model.tiny.seed, model=replace(model, pooler="none")),
        store,
        1,
        chosen.tasks,
        values,
        dict.fromkeys(chosen.tasks, values),
        chosen.mixture,
        parent,
        more={"world": world} if world else {},
    )


def training(
    config: Config,
    store: Path,
    phase: int,
    tasks: dict[str, TrainingTask],
    override: Hyperparameters,
    parent: str,
    before: Phase | None,
    carry_head: bool,
    maps: dict[str, Phase] | None = None,
) -> Phase:
    """Phase 2 or 3, from the phase `before` it or from the encoder; `parent` is the fingerprint of the one or the other.

    `maps`: as `data_maps` gives them.
    """
    second = phase == 2
    values = recipes.for_phase(config.recipe, tasks, override, second)
    by_task = {name: recipes.for_task(config.recipe, task.task, override, second) for name, task in tasks.items()}
    mixture = config.intermediate.mixture
    return _phase(config, store, phase, tasks, values, by_task, mixture, parent, before, carry_head, maps=maps or {})


def data_maps(config: Config, store: Path, parent: str, before: Phase | None) -> dict[str, Phase]:
    """Intermediate task -> the training that makes its data map, where only one region of it is wanted; all else as phase 2."""
    return {
        name: _data_map(config, store, name, task, parent, before)
        for name, task in config.intermediate.tasks.items()
        if task.data_map.region
    }


def _data_map(config: Config, store: Path, name: str, task: TrainingTask, parent: str, before: Phase | None) -> Phase:
    values = replace(
        recipes.for_task(config.recipe, task.task, config.intermediate.recipe, intermediate=True),
        epochs=task.data_map.epochs,
        max_steps=None,
        selection="last",  # all of its epochs, and nothing else to be evaluated
        eval_every=0,
        patience=0,
    )
    whole, more = replace(task, data_map=DataMap()), {"dynamics": DYNAMICS_VERSION}
    made = _phase(config, store, 2, {name: whole}, values, {name: values}, Mixture(), parent, before, more=more)
    assert isinstance(made.job, TrainingJob)
    label = f"phase 2: map of {name}"
    return replace(made, job=replace(made.job, label=label, dynamics=True, run=of_phase(config, label, made.paths.fingerprint)))


def features_store(config: Config, store: Path) -> str:
    """The store that features are shared in; empty: they are made anew."""
    return str(store) if config.store.features else ""


def _phase(
    config: Config,
    store: Path,
    phase: int,
    tasks: dict[str, TrainingTask],
    values: Hyperparameters,
    by_task: dict[str, Hyperparameters],
    mixture: Mixture,
    parent: str,
    before: Phase | None = None,
    carry_head: bool = False,
    more: dict[str, Any] | None = None,
    maps: dict[str, Phase] | None = None,
) -> Phase:
    mapped = {name: made.paths for name, made in (maps or {}).items()}
    identity = {
        "kind": "training",
        "version": ARTIFACT_VERSION,
        "parent": parent,
        "pooler": config.model.pooler,
        "carry_head": carry_head,
        "tasks": {
            name: _training_task(config, store, task, by_task[name], values)
            | ({"map": mapped[name].fingerprint} if name in mapped else {})
            for name, task in tasks.items()
        },
        "hyperparameters": without_defaults(_of_training(values, any(format_of(task.task).embeds for task in tasks.values()))),
        "mixture": without_defaults(mixture) if len(tasks) > 1 else {},
        "precision": config.trainer.precision,
        "attention": config.model.attention,
        "seed": config.seed,
        **(more or {}),
    }
    paths = ArtifactPaths(store, "trained", fingerprint(identity))
    label = f"phase {phase}: {'+'.join(tasks)}"
    job = TrainingJob(
        label=label,
        identity=identity,
        artifact=str(paths.folder),
        work=str(paths.work),
        curves=str(curves_dir(Path(config.output).absolute(), list(tasks), paths.fingerprint)),
        parent=str(before.paths.folder) if before else None,
        carry_head=carry_head,
        model=config.model,
        data=config.data,
        tasks=tasks,
        maps={name: str(place.folder) for name, place in mapped.items()},
        hyperparameters=values,
        by_task=by_task,
        mixture=mixture,
        seed=config.seed,
        trainer=config.trainer,
        logger=config.logger,
        run=of_phase(config, label, paths.fingerprint),
        features=features_store(config, store),
    )
    return Phase(job, paths)


def _training_task(
    config: Config, store: Path, training: TrainingTask, by_task: Hyperparameters, hyperparameters: Hyperparameters
) -> dict[str, Any]:
    """Return the parts of a training task that determine the artifact: meaning, data, amount, lengths."""
    splits = [training.train]
    evaluated = hyperparameters.selection == "best" or hyperparameters.eval_every
    if evaluated:
        splits.append(training.validation)
    return _training_data(config, store, training, splits) | {
        "selected_by": metrics.main_key(training.task.metrics[0]) if evaluated else None,
        "limits": without_defaults(recipes.limits(by_task)),
        "mlm_probability": by_task.mlm_probability if format_of(training.task).masks else None,
    }


def _training_data(config: Config, store: Path, training: TrainingTask, splits: list[str]) -> dict[str, Any]:
    """Return the parts of a training task that determine its examples, of the training split and perhaps of another."""
    chosen = without_defaults(replace(training, task=Task(), validation=splits[-1]))
    chosen.pop("task", None)
    return {
        "task": task_identity(training.task, sources.source_name(training.task, config.data)),
        "use": chosen,
        "data": data_checksums(
            training.task,
            config.data,
            [sources.parse_split(split)[0] for split in splits],
            training.languages,
            checksum_cache(store),
        ),
    }


def _of_training(hyperparameters: Hyperparameters, embeds: bool) -> Hyperparameters:
    """Without what is told by task (`limits`, masking), and without the embeddings' layers where nothing is embedded."""
    elsewhere = [*recipes.LIMIT_NAMES, "mlm_probability"]
    if not embeds:
        elsewhere += ["retrieval_layers", "retrieval_layer_of_24", "retrieval_pooling"]
    return replace(hyperparameters, **dict.fromkeys(elsewhere))
