"""Plan a cell: the jobs of its phases, their fingerprints, and their places in store and output. No torch.

phase 1  the pretrained encoder: given, or with `model=tiny` random or made from text, a tokenizer and then the encoder
phase 2  intermediate tasks, one artifact; before it the training that maps a task, where one region of its data map is wanted
phase 3  the target's training tasks, one artifact each, every one starting from the one before; the last may be few-shot examples
phase 4  evaluation: a result file and its predictions
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from xstilts import metrics, recipes
from xstilts.cell.encoder import check_world, encoder_identity, note_attention, world_identity
from xstilts.cell.given_head import given_head
from xstilts.cell.inputs import fetched
from xstilts.cell.resolve import ResolvedCell, ResolvedPhase, data_of, readable
from xstilts.config import Config, ModelConfig
from xstilts.encoders import is_path
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import EvaluationJob, GivenHead, TokenizerJob, TrainingData, TrainingJob, evaluated_splits, held_out_split
from xstilts.paths import ArtifactPaths, CellPaths, adapter_folder, cell_name, checksum_cache, curves_dir
from xstilts.sources.noise import VERSION as NOISE_VERSION
from xstilts.sources.splits import DataSplit
from xstilts.store.artifacts import is_done
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import task_identity
from xstilts.store.result_shape import SCHEMA
from xstilts.tasks.formats import format_of
from xstilts.tracking.identity import of_evaluation, of_phase

ARTIFACT_VERSION = 4
"""Raised when training changes so that old artifacts are no longer what the same config would give."""
DYNAMICS_VERSION = 1
"""Raised when `xstilts.training.callbacks.example_dynamics` records something else, or at other times."""
TOKENIZER_VERSION = 1
"""Raised when `xstilts.data.bpe` changes, or the lines that it is trained on."""
RESULT_VERSION = 2
"""Raised when evaluation or the form of results changes."""


@dataclass(frozen=True)
class Phase:
    """A job of phase 1, 2 or 3, and the place of its artifact."""

    job: TokenizerJob | TrainingJob
    paths: ArtifactPaths

    @property
    def done(self) -> bool:
        """Return whether the artifact exists."""
        return is_done(self.paths.folder)


@dataclass(frozen=True)
class CellPlan:
    """The phases of one cell."""

    config: Config
    pretraining: list[Phase]
    """Phase 1, where it is made from text: the tokenizer, then the encoder. Shared by all cells, as a public encoder is."""
    training: list[Phase]
    """Phases 2 and 3."""
    evaluation: EvaluationJob
    paths: CellPaths

    @property
    def artifacts(self) -> list[Phase]:
        """All phases that make an artifact, in order."""
        return self.pretraining + self.training


@dataclass(frozen=True)
class Start:
    """The encoder that a phase starts from."""

    model: ModelConfig
    tokenizer: str
    """The folder or Hub id of the tokenizer of phase 1."""
    parent: str
    """The encoder's fingerprint."""
    artifact: str | None = None
    """The folder of the phase that trained it; None: it is given, or random."""
    adapters: list[str] = field(default_factory=list)
    """The folders of the adapters that are merged into it, in order."""
    base: str | None = None
    """As in TrainingJob: the artifact without these adapters."""

    def after(self, phase: Phase) -> "Start":
        """The start of the phase after this one."""
        job, folder = phase.job, str(phase.paths.folder)
        assert isinstance(job, TrainingJob)
        return replace(self, parent=phase.paths.fingerprint, artifact=folder, adapters=job.published_adapters, base=job.base)


def store_of(config: Config) -> Path:
    """The folder of the store."""
    return Path(config.store.root).absolute()


def plan(cell: ResolvedCell, download: bool = True) -> CellPlan:
    """Build the jobs of a cell and their fingerprints; downloads what is on the Hub, reads data files for their checksums.

    Without `download`, from what is on this disk alone: where data is missing, the fingerprints are provisional.
    """
    asked = cell.config.model
    if download:
        cell = fetched(cell)
    check_world(cell.encoder, cell.config.data, cell.sources)
    first, start = first_phase(cell)
    cache, phases = checksum_cache(store_of(cell.config)), []
    by_language: dict[str, Phase] = {}
    if cell.intermediate:
        phases += [_phase(cell, one, data_of(one, cache), start, {"dynamics": DYNAMICS_VERSION}) for one in cell.maps.values()]
        folders = {name: str(made.paths.folder) for name, made in zip(cell.maps, phases, strict=True)}
        phases.append(_phase(cell, cell.intermediate, data_of(cell.intermediate, cache, folders), start))
        after = start.after(phases[-1])
        by_language = {code: _phase(cell, one, data_of(one, cache), start) for code, one in cell.language_adapters.items()}
        phases += by_language.values()
        start = after
    head = given_head(cell.config, cell.encoder.values)
    for number, phase in enumerate(cell.training):
        phases.append(_phase(cell, phase, data_of(phase, cache), start, head=None if number else head))
        start = start.after(phases[-1])
    return _with_evaluation(cell, asked, start, first, phases, by_language, download, None if cell.training else head)


def first_phase(cell: ResolvedCell) -> tuple[list[Phase], Start]:
    """The jobs of phase 1, where it is made from text, and the encoder that the next phase starts from."""
    config, model = cell.config, cell.encoder.model
    if model.attention != config.model.attention:
        note_attention(model.name_or_path or "", model.attention)
    cache = checksum_cache(store_of(config))
    if cell.pretraining is None:
        return [], Start(model, cell.encoder.tokenizer or "", fingerprint(encoder_identity(cell.encoder, cache)))
    data = data_of(cell.pretraining, cache)
    tokenizer = _tokenizer(config, data)
    folder, parent = str(tokenizer.paths.folder), encoder_identity(cell.encoder, cache, tokenizer.paths.fingerprint)
    start = Start(replace(model, tokenizer=folder), folder, fingerprint(parent))
    if not config.pretraining.encoder:
        return [tokenizer], start
    world = world_identity(config.data, [item.source for item in data.values()])
    encoder = _phase(cell, cell.pretraining, data, start, {"world": world} if world else {})
    return [tokenizer, encoder], start.after(encoder)


def _tokenizer(config: Config, data: dict[str, TrainingData]) -> Phase:
    """The tokenizer of phase 1, trained on all of its text."""
    vocabulary = config.pretraining.vocabulary
    identity = {
        "kind": "tokenizer",
        "version": TOKENIZER_VERSION,
        "vocabulary": vocabulary,
        "tasks": {name: _data_identity(item, [item.train]) for name, item in data.items()},
    }
    paths = ArtifactPaths(store_of(config), "tokenizers", fingerprint(identity))
    return Phase(TokenizerJob("phase 1: tokenizer", identity, str(paths.folder), data, vocabulary), paths)


def _phase(
    cell: ResolvedCell,
    phase: ResolvedPhase,
    data: dict[str, TrainingData],
    start: Start,
    more: Mapping[str, Any] | None = None,
    head: GivenHead | None = None,
) -> Phase:
    """A training phase. `more`: further values that determine its artifact; `head`: the one it starts with, if no fresh one."""
    config, values = cell.config, phase.hyperparameters
    below = [] if config.model.previous_adapter == "merged" else start.adapters
    identity = {
        "kind": "training",
        "version": ARTIFACT_VERSION,
        "parent": start.parent,
        "pooler": phase.pooler,
        "carry_head": phase.carry_head,
        "tasks": {name: _training_identity(item) for name, item in data.items()},
        "hyperparameters": without_defaults(_of_training(values, any(format_of(item.task).embeds for item in data.values()))),
        "mixture": without_defaults(phase.mixture) if len(data) > 1 else {},
        "precision": config.trainer.precision,
        "attention": start.model.attention,
        "seed": phase.seed,
        **_head_identity(head),
        **({"previous_adapter": config.model.previous_adapter} if below else {}),
        **(more or {}),
    }
    paths = ArtifactPaths(store_of(config), "trained", fingerprint(identity))
    job = TrainingJob(
        label=phase.label,
        identity=identity,
        artifact=str(paths.folder),
        work=str(paths.work),
        curves=str(curves_dir(Path(config.output).absolute(), list(data), paths.fingerprint)),
        parent=start.artifact,
        adapters=below,
        base=start.base if below else start.artifact,
        carry_head=phase.carry_head,
        head=head,
        model=replace(start.model, pooler=phase.pooler),
        tokenizer=start.tokenizer,
        tasks=data,
        dynamics=phase.dynamics,
        hyperparameters=values,
        mixture=phase.mixture,
        seed=phase.seed,
        trainer=config.trainer,
        logger=config.logger,
        run=of_phase(replace(config, seed=phase.seed), phase.label, paths.fingerprint),
        features=_features(config),
    )
    return Phase(job, paths)


def _head_identity(head: GivenHead | None) -> dict[str, Any]:
    """The values of a checkpoint's head that determine a result; its weights are those of the encoder's checkpoint."""
    return {"head": head.outputs} if head else {}


def _features(config: Config) -> str:
    """The store that features are shared in; empty: features are not kept."""
    return str(store_of(config)) if config.store.features else ""


def _training_identity(data: TrainingData) -> dict[str, Any]:
    """The values of one training task that determine the artifact: its meaning, its data, how much of it, and how it is cut."""
    splits = [data.train, data.validation] if data.validation else [data.train]
    identity = _data_identity(data, splits) | {
        "selected_by": metrics.main_key(data.task.metrics[0]) if data.validation else None,
        "limits": without_defaults(data.limits),
        "mlm_probability": data.hyperparameters.mlm_probability if format_of(data.task).masks else None,
    }
    return identity | ({"map": Path(data.map).name} if data.map else {})


def _data_identity(data: TrainingData, splits: list[DataSplit]) -> dict[str, Any]:
    """The values that determine a task's examples in these splits, the training split first."""
    return {
        "task": task_identity(data.source),
        "use": without_defaults(replace(data.used, validation=splits[-1].expression)),
        "data": {file: checksum for split in splits for file, checksum in split.checksums.items()},
    }


def _of_training(hyperparameters: Hyperparameters, embeds: bool) -> Hyperparameters:
    """Leave out what each task has for itself (limits, masking), and the embeddings' layers where nothing is embedded."""
    elsewhere = [*recipes.LIMIT_NAMES, "mlm_probability"]
    if not embeds:
        elsewhere += ["retrieval_layers", "retrieval_layer_of_24", "retrieval_pooling"]
    return replace(hyperparameters, **dict.fromkeys(elsewhere))


def _named(model: ModelConfig, asked: ModelConfig) -> ModelConfig:
    """The model by the name that the user chose; of a Hub id with its commit, which its folder is named by."""
    if model.name_or_path is None or asked.name_or_path is None or is_path(asked.name_or_path):
        return model
    return replace(model, name_or_path=asked.name_or_path, revision=Path(model.name_or_path).name)


def _with_evaluation(
    cell: ResolvedCell,
    asked: ModelConfig,
    start: Start,
    first: list[Phase],
    phases: list[Phase],
    by_language: dict[str, Phase],
    download: bool,
    head: GivenHead | None,
) -> CellPlan:
    """`asked`: the model as the user chose it, before it was a folder on this disk; `head`: that of a given checkpoint.

    `by_language`: the phases whose adapters take the place of the first one in `start`, where their language is evaluated.
    """
    config, target, source = cell.config, cell.target, readable(cell.target)
    cache, evaluate = checksum_cache(store_of(config)), replace(source.task, evaluate=target.splits)
    splits = evaluated_splits(replace(source, task=evaluate), config.target, cache, download)
    noise = config.target.char_noise
    held_out = held_out_split(source, config.target.few_shot, cache)
    values, intermediate = target.hyperparameters, list(config.intermediate.tasks)
    identity = {
        "kind": "result",
        "version": RESULT_VERSION,
        "parent": start.parent,
        "task": task_identity(source),
        "metrics": target.task.metrics,
        "protocol": target.task.protocol,
        "splits": target.splits,
        "languages": target.languages,
        "max_test_examples": config.target.max_test_examples,
        "limits": without_defaults(target.limits),
        "embeddings": [values.retrieval_layers, values.retrieval_layer_of_24, values.retrieval_pooling],
        "pooler": config.model.pooler,
        "precision": config.trainer.precision,
        "attention": start.model.attention,
        **_head_identity(head),
        **({"held_out": asdict(held_out)} if held_out else {}),
        **({"char_noise": [NOISE_VERSION, noise.rate, noise.seed]} if noise.rate else {}),
        **({"language_adapters": {code: one.paths.fingerprint for code, one in by_language.items()}} if by_language else {}),
        "data": {file: checksum for split in splits for file, checksum in split.checksums.items()},
    }
    # The cell's choices too: two cells may share an artifact and still be two points of a grid.
    key = fingerprint(identity | {"seed": config.seed, "intermediate": sorted(intermediate)})
    paths = CellPaths(Path(config.output).absolute(), cell_name(intermediate, target.task.name, config.seed, key))
    chosen = {
        "study": config.study,
        "source_language": target.source_language,
        "intermediate": intermediate or ["none"],
        "target": target.task.name,
        "training": list(config.target.training),
        "seed": config.seed,
        "model": asked.name_or_path or "tiny",
        "recipe": config.recipe.name,
    }
    shown = asked if first else replace(_named(config.model, asked), attention=start.model.attention)
    artifacts = [{"kind": p.paths.kind, "fingerprint": p.paths.fingerprint, "label": p.job.label} for p in [*first, *phases]]
    job = EvaluationJob(
        source=replace(source, task=replace(source.task, labels=target.labels)),
        label=f"phase 4: {target.task.name}",
        artifact=start.artifact,
        adapters={
            language: [str(adapter_folder(phase.paths.folder, 1)), *start.adapters[1:]] for language, phase in by_language.items()
        },
        base=start.base if by_language else None,
        model=start.model,
        tokenizer=start.tokenizer,
        splits=splits,
        without_data=[language for language in target.languages if not any(language in s.languages for s in splits)],
        held_out=held_out,
        max_test_examples=config.target.max_test_examples,
        char_noise=noise,
        trained=bool(config.target.training),
        head=head,
        hyperparameters=values,
        limits=target.limits,
        examples=target.examples,
        work=str(paths.work),
        result=str(paths.result),
        predictions=str(paths.predictions),
        header={
            "schema": SCHEMA,
            "cell": chosen,
            "fingerprint": key,
            "artifacts": artifacts,
            "config": {key: value for key, value in asdict(replace(config, model=shown)).items() if key != "analysis"},
        },
        trainer=config.trainer,
        logger=config.logger,
        run=of_evaluation(config, key),
        features=_features(config),
    )
    return CellPlan(config, first, phases, job, paths)
