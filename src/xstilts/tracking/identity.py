"""Who a run is on a dashboard: its id, group, name, tags and main config. No torch: the driver writes it into the job."""

import hashlib
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from xstilts.config import Config


@dataclass
class RunIdentity:
    """A run on a dashboard: a training phase or an evaluation."""

    id: str = ""
    """Equal for every attempt, so that a run that was killed is resumed and not listed twice."""
    group: str = ""
    """The study."""
    job_type: str = ""
    """`phase 1`, `phase 2`, `phase 3` or `evaluation`."""
    name: str = ""
    tags: list[str] = field(default_factory=list)
    folder: str = ""
    """The output folder of the study; its files go to `wandb` there."""
    config: dict[str, Any] = field(default_factory=dict)
    """The keys that runs are filtered and grouped by: study, phase, intermediate, target, seed, model, recipe, fingerprint."""


def of_phase(config: Config, label: str, fingerprint: str) -> RunIdentity:
    """A training phase. An artifact that several cells share names what it depends on, and those cells have in common.

    `label` is the job's, such as `phase 2: mnli`. The study is the one whose cell trains it.
    """
    phase, _, trained = label.partition(": ")
    intermediate = "" if phase == "phase 1" else _intermediate(config)
    before = f"{intermediate} > " if phase == "phase 3" else ""
    chosen = _chosen(config, phase, intermediate, trained if phase == "phase 3" else "", fingerprint)
    return _identity(config, fingerprint[:16], f"{phase}: {before}{trained}, seed {config.seed}", chosen)


def of_evaluation(config: Config, fingerprint: str) -> RunIdentity:
    """The evaluation of a cell. Two studies with one cell have two runs: the id depends on the study too."""
    own = hashlib.sha256(f"{config.study}\n{fingerprint}".encode()).hexdigest()[:16]
    intermediate, target = _intermediate(config), config.target.task.name
    chosen = _chosen(config, "evaluation", intermediate, target, fingerprint)
    return _identity(config, own, f"{intermediate} > {target}, seed {config.seed}", chosen)


def model_name(name_or_path: str | None) -> str:
    """The encoder as a person calls it: of a folder in the Hub's cache the Hub id, of another folder its name."""
    if name_or_path is None:
        return "tiny"
    if cached := re.search(r"models--([^/]+)/snapshots/", f"{name_or_path}/"):
        return cached[1].replace("--", "/")
    return name_or_path.rstrip("/").rpartition("/")[2] if name_or_path.startswith(("/", ".", "~")) else name_or_path


def _chosen(config: Config, phase: str, intermediate: str, target: str, fingerprint: str) -> dict[str, Any]:
    return {
        "study": config.study,
        "phase": phase,
        "intermediate": intermediate,
        "target": target,
        "seed": config.seed,
        "model": model_name(config.model.name_or_path),
        "recipe": config.recipe.name,
        "fingerprint": fingerprint,
    }


def _identity(config: Config, own: str, name: str, chosen: dict[str, Any]) -> RunIdentity:
    tags = [chosen["intermediate"], chosen["target"], f"seed {chosen['seed']}", chosen["model"], chosen["recipe"]]
    distinct = list(dict.fromkeys(shortened(tag) for tag in tags if tag))
    folder = str(Path(config.output).absolute())
    return RunIdentity(own, shortened(config.study, 128), chosen["phase"], shortened(name, 128), distinct, folder, chosen)


def shortened(text: str, most: int = 64) -> str:
    """At most `most` characters, which is W&B's limit: 64 for a tag, 128 for a name."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _intermediate(config: Config) -> str:
    return config.intermediate.name or "+".join(config.intermediate.tasks) or "none"


def resolved(job: Any) -> dict[str, Any]:
    """Return all values of a training job: the content of its fingerprint, hyperparameters, and hardware settings."""
    values = {name: asdict(data.hyperparameters) for name, data in job.tasks.items()}
    return {
        "identity": job.identity,
        "hyperparameters": asdict(job.hyperparameters),
        "hyperparameters_by_task": values,
        "trainer": asdict(job.trainer),
    }
