"""The contract between driver and worker: a job holds everything that a phase needs, resolved, and travels as JSON. No torch."""

import json
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from xstilts.config import CharNoise, FewShot, LoggerConfig, Mixture, ModelConfig, Target, TrainerConfig
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.paths import adapter_folder
from xstilts.sources import TaskSource, languages_with_data, place_of
from xstilts.sources.splits import DataSplit
from xstilts.store.identity import data_checksums
from xstilts.tasks.declaration import Limits, Task, TrainingTask
from xstilts.tracking.identity import RunIdentity


@dataclass(frozen=True)
class TrainingData:
    """One task that a phase trains on: which examples, how they are cut, and what selects the checkpoint."""

    source: TaskSource
    train: DataSplit
    validation: DataSplit | None = None
    """The split that is scored while the phase trains; null: none is."""
    used: TrainingTask = field(default_factory=TrainingTask)
    """The amount of the data that is used, and its choice; without the task's declaration, which `source` has."""
    map: str | None = None
    """The artifact with the task's training dynamics, where one region of its data map is trained on."""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    limits: Limits = field(default_factory=Limits)
    examples: int | None = None
    """Training examples by the task's declaration; null where their number is not declared."""

    @property
    def task(self) -> Task:
        """The task's declaration."""
        return self.source.task


@dataclass(frozen=True)
class GivenHead:
    """The head that a checkpoint has for the target."""

    folder: str = ""
    outputs: list[int] = field(default_factory=list)
    """The number of the output for each label of the task; empty for a head without labels."""
    matching: str = ""
    """`outputs` in words, and the outputs that are left out."""


@dataclass(frozen=True)
class TrainingJob:
    """One training phase (1, 2 or 3): its parent, its data, its hyperparameters -> an artifact."""

    label: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    """The values that the fingerprint is the hash of."""
    artifact: str = ""
    """The folder to publish."""
    work: str = ""
    """The folder of the unfinished training: its checkpoints."""
    curves: str = ""
    """The folder for training curves, which stay when the training is finished."""
    resume: str | None = None
    """The checkpoint to go on from, chosen by the driver."""
    parent: str | None = None
    """The artifact to start from; null: the encoder of phase 1."""
    adapters: list[str] = field(default_factory=list)
    """The folders of the parent's adapters that are not merged, in order."""
    base: str | None = None
    """The artifact whose encoder these adapters belong to; null: the encoder of phase 1."""
    carry_head: bool = False
    """Start with the parent's head instead of a fresh one."""
    head: GivenHead | None = None
    """Start with this head instead of a fresh one."""
    model: ModelConfig = field(default_factory=ModelConfig)
    tokenizer: str = ""
    """The folder or Hub id of the tokenizer of phase 1."""
    tasks: dict[str, TrainingData] = field(default_factory=dict)
    dynamics: bool = False
    """Record the training dynamics of the only task, for a data map."""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    mixture: Mixture = field(default_factory=Mixture)
    seed: int = 1
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    run: RunIdentity = field(default_factory=RunIdentity)
    """The phase's run on a dashboard."""
    features: str = ""
    """The store that features are shared in; empty: features are not kept."""

    @property
    def validates(self) -> bool:
        """Return whether the phase is evaluated while it trains."""
        return any(data.validation for data in self.tasks.values())

    @property
    def keeps_adapter(self) -> bool:
        """Return whether the parent's last adapter is trained further, in the place of a new one."""
        return bool(self.adapters) and self.model.previous_adapter == "kept"

    @property
    def published_adapters(self) -> list[str]:
        """The folders of the adapters that the artifact will have, in order."""
        new = self.hyperparameters.adapter is not None and not self.keeps_adapter
        return [str(adapter_folder(Path(self.artifact), number + 1)) for number in range(len(self.adapters) + new)]


@dataclass(frozen=True)
class TokenizerJob:
    """The tokenizer of phase 1, from the text that the encoder will be trained on."""

    label: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    artifact: str = ""
    tasks: dict[str, TrainingData] = field(default_factory=dict)
    vocabulary: int = 0


@dataclass(frozen=True)
class EvaluationJob:
    """Phase 4: an artifact (or the encoder of phase 1) on the target task's languages -> a result and its predictions."""

    source: TaskSource
    """The target task, with its labels in the order in which the artifact's head was trained."""
    label: str = ""
    artifact: str | None = None
    adapters: dict[str, list[str]] = field(default_factory=dict)
    """Language -> the folders of the adapters that it is evaluated with, in order, in the place of the artifact's encoder."""
    base: str | None = None
    """The artifact whose encoder these adapters belong to; null: the encoder of phase 1."""
    model: ModelConfig = field(default_factory=ModelConfig)
    tokenizer: str = ""
    splits: list[DataSplit] = field(default_factory=list)
    """The splits to evaluate, each in its languages that are asked for and have data."""
    without_data: list[str] = field(default_factory=list)
    """The languages that are asked for and have no data in any split."""
    held_out: DataSplit | None = None
    """The examples that few-shot examples are drawn from: neither they nor examples that are related to them are evaluated."""
    max_test_examples: int | None = None
    char_noise: CharNoise = field(default_factory=CharNoise)
    trained: bool = False
    """The target has training tasks, so the artifact must have its head."""
    head: GivenHead | None = None
    """Evaluate with this head; null: with that of the artifact."""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    limits: Limits = field(default_factory=Limits)
    examples: dict[str, dict[str, int]] = field(default_factory=dict)
    """Split -> language -> number of examples by the task's declaration, without languages whose number is not declared."""
    work: str = ""
    """The folder of the unfinished evaluation: vectors of texts; empty: nothing is kept."""
    result: str = ""
    predictions: str = ""
    header: dict[str, Any] = field(default_factory=dict)
    """The keys of the result file besides its rows."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    run: RunIdentity = field(default_factory=RunIdentity)
    features: str = ""
    """As in TrainingJob."""

    @property
    def task(self) -> Task:
        """The target task's declaration."""
        return self.source.task


@dataclass(frozen=True)
class UnreadSplit:
    """A split that no job has read yet."""

    source: TaskSource
    split: DataSplit
    selects: bool = False
    """The split selects the checkpoint, so its examples need gold."""
    first: int | None = None
    """The number of examples of each language that select it; null: all."""
    parallel: bool = False
    """Its ids must name translations."""
    few_shot: int = 0
    """The number of few-shot examples that are drawn from it, so as many need gold."""
    mark: str = ""
    """The file to write when it was read without a problem."""

    @property
    def label(self) -> str:
        """Task, part and languages, for a message."""
        return f"{self.source.task.name} {self.split.expression} ({' '.join(self.split.languages)})"


@dataclass(frozen=True)
class ReadingJob:
    """Data that is read for its mistakes, before it is trained or evaluated on."""

    label: str = ""
    splits: list[UnreadSplit] = field(default_factory=list)
    problems: str = ""
    """The file for the problems: mark -> lines, of the splits with a problem."""


Job = TrainingJob | EvaluationJob | TokenizerJob | ReadingJob
KINDS: dict[str, type[Job]] = {
    "training": TrainingJob,
    "evaluation": EvaluationJob,
    "tokenizer": TokenizerJob,
    "reading": ReadingJob,
}


def evaluated_splits(source: TaskSource, asked: Target, cache: Path | None, fetched: bool = True) -> list[DataSplit]:
    """The splits to evaluate, each with its languages that are asked for and have data, and the checksums of their files.

    Unless all data is `fetched`, languages without data are there too, with checksums of the files that exist. `cache`: the file
    that keeps checksums. UserError where there is nothing to evaluate on, and where a language or a split that was named has no
    data.
    """
    task, evaluated = source.task, []
    wanted = asked.languages or task.languages
    present: set[str] = set()
    for split in asked.splits or task.evaluate:
        languages = languages_with_data(source, split) if fetched else wanted
        present |= set(languages)
        if chosen := [language for language in wanted if language in languages]:
            evaluated.append(DataSplit(split, chosen, data_checksums(source, split, chosen, cache)))
        elif asked.splits:
            raise UserError(f"task {task.name} has no {split} data {place_of(source)}: leave it out of target.splits")
    missing = [language for language in wanted if not any(language in split.languages for split in evaluated)]
    if missing and (asked.languages or not evaluated):
        have = ", ".join(language for language in task.languages if language in present) or "none"
        raise UserError(f"task {task.name} has no data for {', '.join(missing)} {place_of(source)}; languages with data: {have}")
    return evaluated


def held_out_split(source: TaskSource, chosen: FewShot, cache: Path | None) -> DataSplit | None:
    """The part of the target's data that few-shot examples are drawn from, with every number of them, 0 too; None without."""
    if chosen.language is None:
        return None
    part = DataSplit(chosen.split, [chosen.language])
    return replace(part, checksums=data_checksums(source, part.name, part.languages, cache))


def training_data(
    used: TrainingTask,
    source: TaskSource,
    values: Hyperparameters,
    limits: Limits,
    validates: bool,
    cache: Path | None,
    data_map: str | None = None,
    examples: int | None = None,
) -> TrainingData:
    """The data of one task of a training phase, with the checksums of its files; the arguments are its fields."""

    def split(expression: str) -> DataSplit:
        part = DataSplit(expression, used.languages)
        return replace(part, checksums=data_checksums(source, part.name, used.languages, cache))

    return TrainingData(
        source=source,
        train=split(used.train),
        validation=split(used.validation) if validates else None,
        used=replace(used, task=Task()),
        map=data_map,
        hyperparameters=values,
        limits=limits,
        examples=examples,
    )


def write_job(job: Job, path: Path) -> None:
    """Write the job as JSON."""
    kind = next(name for name, cls in KINDS.items() if isinstance(job, cls))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"kind": kind, "job": asdict(job)}, indent=1, ensure_ascii=False), encoding="utf-8")


def read_job(path: Path) -> Job:
    """Read a job. TypeError or KeyError where it does not fit the dataclasses of this version."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return cast(Job, _typed(KINDS[document["kind"]], document["job"]))


def _typed(kind: Any, value: Any) -> Any:
    """Convert a JSON value to a type: a dataclass, a list or a dict of typed values, one of these or None, or a plain value."""
    arguments = get_args(kind)
    if kind is Any or (value is None and NoneType in arguments):
        return value
    if get_origin(kind) is UnionType:
        return _typed(next(argument for argument in arguments if argument is not NoneType), value)
    if get_origin(kind) is list:
        return [_typed(arguments[0], item) for item in value]
    if get_origin(kind) is dict:
        return {key: _typed(arguments[1], item) for key, item in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        if unknown := set(value) - set(hints):
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
        return kind(**{name: _typed(hints[name], item) for name, item in value.items()})
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"got {value!r}, expected {kind.__name__}")
    return value
