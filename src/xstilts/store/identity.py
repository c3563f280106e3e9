"""The parts of a task's declaration and of its raw files that determine its examples, for fingerprints."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xstilts.config import DataConfig
from xstilts.sources import locate
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.declaration import Task

READING = 2
"""Increase it when readers return other examples for the same declaration and the same files."""
PLACE = ("files", "gold", "hub", "revision", "expect", "unusable")
"""Fields that say where a file is and what is expected of it. They are left out: the file's checksum identifies its content."""


def task_identity(task: Task, source: str) -> dict[str, Any]:
    """Return the parts of a task's declaration that determine what its examples mean, as plain JSON values."""
    declared = task.sources.get(source)
    reading = without_defaults(declared) if declared else {}
    for place in PLACE:
        reading.pop(place, None)
    return {
        "name": task.name,
        "format": task.format,
        "version": task.version,
        "reading": READING,
        "labels": task.labels,
        "head": task.head,
        "source": reading,
    }


def data_checksums(
    task: Task, data: DataConfig, splits: Iterable[str], languages: Iterable[str], cache: Path | None
) -> dict[str, str]:
    """Return `split/language/role` -> sha256 of the raw file. A missing file has no entry; reading it later is an error."""
    chosen = list(languages)
    return {
        f"{split}/{language}/{role}": file_sha256(path, cache)
        for split in dict.fromkeys(splits)
        for language in chosen
        for role, path in locate(task, data, split, language).items()
    }
