"""The parts of a task's declaration and of its raw files that determine its examples, for fingerprints."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xstilts.sources import TaskSource, locate
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import without_defaults

READING = 2
"""Increase it when readers return other examples for the same declaration and the same files."""
PLACE = ("files", "gold", "hub", "revision", "expect", "unusable")
"""Fields that say where a file is and what is expected of it. They are left out: the file's checksum identifies its content."""


def task_identity(source: TaskSource) -> dict[str, Any]:
    """Return the parts of a task's declaration that determine what its examples mean, as plain JSON values."""
    task, reading = source.task, without_defaults(source.declared)
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


def data_checksums(source: TaskSource, split: str, languages: Iterable[str], cache: Path | None) -> dict[str, str]:
    """Return `split/language/role` -> sha256 of the raw file. A missing file has no entry; reading it later is an error."""
    return {
        f"{split}/{language}/{role}": file_sha256(path, cache)
        for language in languages
        for role, path in locate(source, split, language).items()
    }
