"""Describe in an artifact's metadata where it comes from: phase 1, the phases before it, and its data.

It is written when the artifact is published, because only then can its parent be read. It is not part of any fingerprint.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.config import ModelConfig
from xstilts.errors import UserError
from xstilts.jobs import TrainingData, TrainingJob
from xstilts.store.artifacts import artifact_of, read_metadata
from xstilts.store.fingerprint import without_defaults

CACHED = re.compile(r"models--([^/]+)/snapshots/([^/]+)/")
"""The part of a path in the Hub's cache with a model's name and commit."""
SAMPLING = ("max_examples", "fraction", "language_exponent", "draw", "parallel", "shuffle_labels")
"""Fields of TrainingTask that choose a part of the examples or change their labels."""
STEP = ("label", "fingerprint", "data")
"""Keys of an artifact's metadata that are copied to its descendants."""


def provenance(job: TrainingJob, examples: Mapping[str, int]) -> dict[str, Any]:
    """Keys of the metadata, all of it free of paths. `examples`: how many each task is trained on.

    `encoder` is phase 1 as it was given, `lineage` what was trained since, `data` what this phase is trained on.
    """
    before = _artifact(job.parent or job.model.name_or_path)
    first = encoder_of(job.model) | ({} if before else {"fingerprint": job.identity.get("parent")})
    return {
        "fingerprint": Path(job.artifact).name,
        "encoder": before.get("encoder", first) if before else first,
        "lineage": [*before.get("lineage", []), {key: before.get(key) for key in STEP}] if before else [],
        "data": {name: _data(training, examples[name]) for name, training in job.tasks.items()},
    }


def _data(training: TrainingData, examples: int) -> dict[str, Any]:
    task, declared = training.task, training.source.declared
    made = declared.generator is not None
    return {
        "format": task.format,
        "languages": training.train.languages,
        "split": training.train.expression,
        "part": _part(training),
        "examples": examples,
        "source": training.source.name,
        "hub": declared.hub,
        "revision": declared.revision,
        "world": training.source.data.world.seed if made else None,
        "licence": "" if made else task.licence,  # the declared one is that of the real data
        "homepage": task.homepage,
    }


def _part(training: TrainingData) -> dict[str, Any]:
    """The part of the split's examples that is used, where not all are."""
    part = {name: value for name, value in without_defaults(training.used).items() if name in SAMPLING}
    if training.map:
        chosen = training.used.data_map
        of_map = {"bin": f"{chosen.bin} of {chosen.bins}"} if chosen.bin else {"region": chosen.region, "share": chosen.fraction}
        part |= of_map | {"data map": Path(training.map).name}
    return part


def encoder_of(model: ModelConfig) -> dict[str, Any]:
    """Phase 1 as it was given: its place, or that it is random, and the place of its tokenizer where that is another."""
    tokenizer = {"tokenizer": _place(model.tokenizer, None)} if model.tokenizer else {}
    return ({"random": True} if model.name_or_path is None else _place(model.name_or_path, model.revision)) | tokenizer


def _place(name: str, revision: str | None) -> dict[str, Any]:
    """Hub id and revision, of a folder in the Hub's cache too; fingerprint and label of an artifact; the name of a folder."""
    if cached := CACHED.search(f"{name}/"):
        return {"hub": cached[1].replace("--", "/"), "revision": cached[2]}
    if found := _artifact(name):
        return {"artifact": found["fingerprint"], "label": found.get("label", "")}
    return {"folder": Path(name).resolve().name} if Path(name).is_dir() else {"hub": name, "revision": revision}


def _artifact(name: str | None) -> dict[str, Any] | None:
    """The metadata, if the folder is an artifact of xstilts, or one of its heads."""
    if not name or (folder := artifact_of(Path(name))) is None:
        return None
    try:
        metadata = read_metadata(folder)
    except UserError:  # somebody else's folder
        return None
    return {"fingerprint": folder.resolve().name, "data": {}} | metadata
