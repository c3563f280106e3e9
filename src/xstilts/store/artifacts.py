"""Artifacts: folders that are complete or absent, whatever happens to the process that writes them.

An artifact is built under a hidden name beside its place; its files are brought to the disk, then `done.json` with their
sizes and checksums, but for its notes, and last the folder gets its name. Whoever builds, replaces or removes one, or writes its
notes, holds its lock (`ArtifactPaths.lock`); readers need none.
"""

import contextlib
import glob
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.paths import DONE, METADATA, NOTES
from xstilts.store.files import beside, disk_full_means, encode_json, read_json_object, sync_folder

SCHEMA = 1


def is_done(folder: Path) -> bool:
    """Whether `folder` is a finished artifact; looks, but does not verify."""
    return (folder / DONE).is_file()


@contextlib.contextmanager
def temporary_folder(final: Path) -> Iterator[Path]:
    """A fresh empty folder beside `final`, to be filled and published in the body; what is not published is removed.

    Also removes what processes left that died in here: the caller holds the lock, so nobody is using it.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    for purpose in ("tmp", "trash"):
        for leftover in final.parent.glob(f".{glob.escape(final.name)}.{purpose}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = beside(final, "tmp")
    try:
        with disk_full_means(final):
            folder.mkdir()  # and not mkdtemp, whose folders nobody else can read
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(temporary: Path, final: Path, metadata: dict[str, Any]) -> None:
    """Make the files in `temporary` (on the same file system) the artifact `final`; an older artifact there is replaced.

    UserError when the disk is full: then `temporary` is gone and `final` is as it was.
    """
    try:
        with disk_full_means(final):
            (temporary / METADATA).write_bytes(encode_json(metadata))
            mode = (temporary / METADATA).stat().st_mode & 0o777
            files = {}
            for path in _files(temporary):
                path.chmod(mode)  # safetensors writes files that nobody else can read
                _sync_file(path)
                if (name := path.relative_to(temporary).as_posix()) not in NOTES:
                    files[name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            (temporary / DONE).write_bytes(encode_json({"schema": SCHEMA, "files": files}))
            _sync_file(temporary / DONE)
            for folder in [*(path for path in temporary.rglob("*") if path.is_dir()), temporary]:
                sync_folder(folder)
    except UserError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    trash = _set_aside(final)
    os.rename(temporary, final)
    sync_folder(final.parent)
    if trash is not None:
        shutil.rmtree(trash)


def verify(folder: Path) -> None:
    """Read every file of an artifact again; UserError naming the first that is missing, truncated or altered."""
    remedy = f"delete the folder {folder}, or run again with store.refresh=all"
    for name, expected in listed(folder, remedy).items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing from the artifact: {remedy}")
        if (size := path.stat().st_size) != expected["bytes"]:
            damage = "truncated" if size < expected["bytes"] else "altered"
            raise UserError(f"{path} is {damage}: got {size} bytes, expected {expected['bytes']}; {remedy}")
        if (digest := _sha256(path)) != expected["sha256"]:
            raise UserError(f"{path} is altered: got sha256 {digest}, expected {expected['sha256']}; {remedy}")


def listed(folder: Path, remedy: str) -> dict[str, Any]:
    """The files of a finished artifact, each with its size and checksum. UserError for one of a newer xstilts."""
    done = read_json_object(folder / DONE, "list of an artifact's files", remedy)
    if done.get("schema") != SCHEMA or not isinstance(done.get("files"), dict):
        raise UserError(f"{folder / DONE} has schema {done.get('schema')!r}, expected {SCHEMA}: update xstilts, or {remedy}")
    return dict(done["files"])


def read_metadata(folder: Path) -> dict[str, Any]:
    """What `publish` was given. UserError if there is none."""
    return read_json_object(
        folder / METADATA, "metadata of an artifact", f"delete the folder {folder}, or run again with store.refresh=all"
    )


def remove(folder: Path) -> None:
    """Remove an artifact, if it is there, at once: a crash half-way leaves a hidden leftover and never half an artifact."""
    if trash := _set_aside(folder):
        shutil.rmtree(trash)


def _set_aside(folder: Path) -> Path | None:
    trash = beside(folder, "trash")
    try:
        os.rename(folder, trash)
    except FileNotFoundError:
        return None
    return trash


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / DONE)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
