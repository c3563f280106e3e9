"""Find files that other programs have left in the cache of the Hugging Face Hub. No torch, no datasets.

A repository's folder has the layout that huggingface_hub documents: `refs/REVISION` holds a commit, and `snapshots/COMMIT/` its
downloaded files, as links to `blobs/CHECKSUM` or, on file systems without links, as plain files.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
PART = re.compile(r"(?P<name>.*-)(?P<number>[0-9]{5})-of-(?P<of>[0-9]{5})(?P<end>\b.*)")
"""Name of a part of a file, such as `train-00000-of-00002.parquet`."""


@dataclass(frozen=True)
class Entry:
    """Size and checksum of a file, as announced by the repository."""

    size: int
    sha256: str | None
    """Checksum of a file in Git LFS."""
    git: str | None
    """Git's object name of the content of any other file."""


def repository_folder(kind: str, repository: str) -> Path:
    """Return the repository's folder in the cache of huggingface_hub. `kind`: `dataset` or `model`."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{repository.replace('/', '--')}"


def commit_of(kind: str, repository: str, revision: str | None) -> str | None:
    """Return the commit of a revision if some of its files are in the cache, else None.

    If the cache does not record which commit `main` is, and holds a single commit, that one is returned.
    """
    folder, commit = repository_folder(kind, repository), revision or "main"
    here = commits_of(kind, repository)
    if not COMMIT.fullmatch(commit):
        try:
            commit = (folder / "refs" / commit).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            commit = here[0] if commit == "main" and len(here) == 1 else ""
    return commit if commit in here else None


def commits_of(kind: str, repository: str) -> list[str]:
    """Return all commits with files in the cache."""
    snapshots = repository_folder(kind, repository) / "snapshots"
    with contextlib.suppress(OSError):
        return sorted(folder.name for folder in snapshots.iterdir() if COMMIT.fullmatch(folder.name) and any(folder.iterdir()))
    return []


def files_of(kind: str, repository: str, commit: str) -> dict[str, Entry]:
    """Return path in the repository -> Entry, for the files in the cache.

    For a file in parts, missing parts are listed too, with size 0, so that they are noticed.
    """
    folder = repository_folder(kind, repository) / "snapshots" / commit
    entries: dict[str, Entry] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place) / name
            if file.is_file():
                entries[file.relative_to(folder).as_posix()] = _entry(file)
    return entries | {path: Entry(0, None, None) for path in _missing_parts(entries)}


def _missing_parts(paths: Iterable[str]) -> list[str]:
    """Return the names of parts that are missing among the paths; parts of weights are counted from 1, all others from 0."""
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for part in filter(None, map(PART.fullmatch, paths)):
        groups.setdefault((part["name"], part["of"]), {})[int(part["number"])] = part["end"]
    missing = []
    for (name, of), ends in groups.items():
        end = next(iter(ends.values()))  # some have a checksum in it, one for each part
        first = 1 if end.endswith((".safetensors", ".bin")) else 0
        missing += [f"{name}{number:05}-of-{of}{end}" for number in range(first, int(of) + first) if number not in ends]
    return missing


def _entry(file: Path) -> Entry:
    blob = Path(os.path.realpath(file))
    checksum = blob.name if blob.parent.name == "blobs" else ""
    return Entry(
        blob.stat().st_size,
        checksum if SHA256.fullmatch(checksum) else None,
        checksum if COMMIT.fullmatch(checksum) else None,
    )
