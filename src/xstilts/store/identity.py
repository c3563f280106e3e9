"""What of a task's declaration and of its raw files determines the examples: part of every fingerprint that they enter."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xstilts.config import DataConfig
from xstilts.sources import locate
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.declaration import Task

READING = 2
"""Raised when readers give other examples for the same declaration and the same files."""
PLACE = ("files", "gold", "hub", "revision", "expect", "unusable")
"""Where a file lies, and what is expected of it, say nothing about what is in it; its checksum does."""


def task_identity(task: Task, source: str) -> dict[str, Any]:
    """What of a task's declaration says what its examples mean."""
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
    """`split/language/role` -> sha256 of the raw file; a file that is missing has no entry here and is an error when read."""
    chosen = list(languages)
    return {
        f"{split}/{language}/{role}": file_sha256(path, cache)
        for split in dict.fromkeys(splits)
        for language in chosen
        for role, path in locate(task, data, split, language).items()
    }
