"""The contract between driver and worker: a job holds everything that a phase needs, resolved, and travels as JSON. No torch."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from xstilts.config import DataConfig, Hyperparameters, LoggerConfig, Mixture, ModelConfig, Target, TrainerConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, place_of
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tracking.identity import RunIdentity


@dataclass
class TrainingJob:
    """One training phase (1, 2 or 3): its parent, its data, its hyperparameters -> an artifact."""

    label: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    """What the fingerprint is the hash of."""
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
    carry_head: bool = False
    """Start with the parent's head instead of a fresh one."""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)
    """Task -> the artifact with its training dynamics, for tasks of which one region of the data map is trained on."""
    dynamics: bool = False
    """Record the training dynamics of the one task, for such a map."""
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    by_task: dict[str, Hyperparameters] = field(default_factory=dict)
    mixture: Mixture = field(default_factory=Mixture)
    seed: int = 1
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    run: RunIdentity = field(default_factory=RunIdentity)
    """Who it is on a dashboard."""
    features: str = ""
    """The store that features are shared in; empty: they are made anew."""


@dataclass
class TokenizerJob:
    """The tokenizer of phase 1, from the text that the encoder will be trained on."""

    label: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    artifact: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    vocabulary: int = 0


@dataclass
class EvaluationJob:
    """Phase 4: an artifact (or the encoder of phase 1) on the target task's languages -> a result and its predictions."""

    label: str = ""
    artifact: str | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    target: Target = field(default_factory=Target)
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    labels: list[str] = field(default_factory=list)
    """The labels in the order in which the artifact's head was trained; empty: the target task's own."""
    result: str = ""
    predictions: str = ""
    header: dict[str, Any] = field(default_factory=dict)
    """What the result file says of the cell besides its rows."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    run: RunIdentity = field(default_factory=RunIdentity)
    features: str = ""
    """As in TrainingJob."""


@dataclass
class Split:
    """A split of a task or a part of it, in some languages, that is read at once."""

    task: Task = field(default_factory=Task)
    data: DataConfig = field(default_factory=DataConfig)
    split: str = ""
    """As `xstilts.sources.parse_split` has it."""
    languages: list[str] = field(default_factory=list)
    selects: bool = False
    """The split selects the checkpoint, so its examples need gold."""
    first: int | None = None
    """The number of examples of each language that select it; null: all."""
    mark: str = ""
    """The file to write when it was read without a problem."""

    @property
    def name(self) -> str:
        """Task, part and languages, for a message."""
        return f"{self.task.name} {self.split} ({' '.join(self.languages)})"


@dataclass
class ReadingJob:
    """Data that is read for its mistakes, before it is trained or evaluated on."""

    label: str = ""
    splits: list[Split] = field(default_factory=list)
    problems: str = ""
    """The file for what is wrong: mark -> lines, of the splits with a problem."""


KINDS: dict[str, type] = {
    "training": TrainingJob,
    "evaluation": EvaluationJob,
    "tokenizer": TokenizerJob,
    "reading": ReadingJob,
}
Job = TrainingJob | EvaluationJob | TokenizerJob | ReadingJob


def evaluated_languages(target: Target, data: DataConfig) -> list[tuple[str, list[str]]]:
    """The splits to evaluate, each with its languages that are asked for and have data.

    UserError where there is nothing to evaluate on, and where a language or a split that the user named has no data.
    """
    task, parts = target.task, []
    found: set[str] = set()
    for split in target.splits or task.evaluate:
        present = languages_with_data(task, data, split)
        found |= set(present)
        chosen = [language for language in target.languages or task.languages if language in present]
        if chosen:
            parts.append((split, chosen))
        elif target.splits:
            raise UserError(f"task {task.name} has no {split} data {place_of(task, data)}: leave it out of target.splits")
    missing = languages_without_data(target, parts)
    if missing and (target.languages or not parts):
        have = ", ".join(language for language in task.languages if language in found) or "none"
        raise UserError(
            f"task {task.name} has no data for {', '.join(missing)} {place_of(task, data)}; languages with data: {have}"
        )
    return parts


def languages_without_data(target: Target, parts: list[tuple[str, list[str]]]) -> list[str]:
    """Return the target's languages that are in none of the parts."""
    found = {language for _, languages in parts for language in languages}
    return [language for language in target.languages or target.task.languages if language not in found]


def wants_validation(job: TrainingJob) -> bool:
    """Return whether the job evaluates while it trains."""
    return job.hyperparameters.selection == "best" or bool(job.hyperparameters.eval_every)


def write_job(job: Job, path: Path) -> None:
    """Write the job as JSON."""
    kind = next(name for name, cls in KINDS.items() if isinstance(job, cls))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"kind": kind, "job": asdict(job)}, indent=1, ensure_ascii=False), encoding="utf-8")


def read_job(path: Path) -> Job:
    """Read a job, checked against its schema."""
    document = json.loads(path.read_text(encoding="utf-8"))
    schema = OmegaConf.structured(KINDS[document["kind"]])
    return cast(Job, OmegaConf.to_object(OmegaConf.merge(schema, document["job"])))
