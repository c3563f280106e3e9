"""Artifacts: folders that are complete or absent, even if the process that writes them dies.

An artifact is built under a hidden name beside its final place. Its files are synced to disk, then `done.json` with their sizes
and checksums (the notes are left out), and last the folder is renamed. A process that builds, replaces or removes an artifact, or
writes its notes, holds its lock (`ArtifactPaths.lock`); readers need no lock.
"""

import contextlib
import glob
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.paths import DONE, METADATA, NOTES
from xstilts.store.files import disk_full_as_user_error, encode_json, read_json_object, sync_folder, temporary_name
from xstilts.store.shapes import count, keyed, listed, matching, named, optional, summary, text

SCHEMA = 1
_LIST = keyed({"files": named(keyed({"bytes": count, "sha256": matching("[0-9a-f]{64}", "a sha256")}), empty=False)})
_OBJECT = keyed({})
_METADATA = keyed(
    {},
    {"label": text, "fingerprint": text, "identity": _OBJECT, "encoder": optional(_OBJECT)}
    | {"heads": named(text), "data": named(_OBJECT), "lineage": listed(_OBJECT)},
)


def is_done(folder: Path) -> bool:
    """Return whether `folder` is a finished artifact, by its `done.json` alone; `check` and `verify` look closer."""
    return (folder / DONE).is_file()


def artifact_of(folder: Path) -> Path | None:
    """Return the finished artifact that a folder is, or whose head it has (`heads/NAME`); None if there is none."""
    above = folder.parent.parent if folder.parent.name == "heads" else folder
    return next((place for place in (folder, above) if is_done(place)), None)


@contextlib.contextmanager
def temporary_folder(final: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `final`, to fill and publish in the body; remove it afterwards if it was not published.

    Also remove leftovers of processes that died in here: the caller holds the lock, so nobody is using them.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    for purpose in ("tmp", "trash"):
        for leftover in final.parent.glob(f".{glob.escape(final.name)}.{purpose}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = temporary_name(final, "tmp")
    try:
        with disk_full_as_user_error(final):
            folder.mkdir()  # not mkdtemp, whose folders only their owner can read
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(temporary: Path, final: Path, metadata: dict[str, Any]) -> None:
    """Turn the files in `temporary` (on the same file system) into the artifact `final`; replace an older artifact there.

    Raises UserError when the disk is full; then `temporary` is removed and `final` is unchanged.
    """
    try:
        with disk_full_as_user_error(final):
            (temporary / METADATA).write_bytes(encode_json(metadata))
            mode = (temporary / METADATA).stat().st_mode & 0o777
            files = {}
            for path in _files(temporary):
                path.chmod(mode)  # safetensors writes files that only their owner can read
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
    temporary.rename(final)
    sync_folder(final.parent)
    if trash is not None:
        shutil.rmtree(trash)


def check(folder: Path) -> None:
    """Check that a folder is the artifact that its name says and that all files have their sizes; read none of them whole.

    Raises UserError for the first file that is missing, truncated or too long, and for a folder of another artifact.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder, expected an artifact: {remedy(folder)}")
    for name, expected in listed_files(folder).items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing from the artifact: {remedy(folder)}")
        if (size := path.stat().st_size) != expected["bytes"]:
            damage = "truncated" if size < expected["bytes"] else "altered"
            raise UserError(f"{path} is {damage}: got {counted(size, 'byte')}, expected {expected['bytes']}; {remedy(folder)}")
    if (other := read_metadata(folder).get("fingerprint", folder.name)) != folder.name:
        raise UserError(
            f"{folder} holds another artifact, {other}, as its {METADATA} says: rename the folder to that, or {remedy(folder)}"
        )


def verify(folder: Path) -> None:
    """Check an artifact and the checksums of all its files. Raises UserError for the first file that has changed."""
    check(folder)
    for name, expected in listed_files(folder).items():
        if (digest := _sha256(folder / name)) != expected["sha256"]:
            raise UserError(f"{folder / name} is altered: got sha256 {digest}, expected {expected['sha256']}; {remedy(folder)}")


def remedy(folder: Path) -> str:
    """Return advice on how to repair a broken artifact."""
    return f"delete the folder {folder}, or run again with store.refresh=all"


def listed_files(folder: Path) -> dict[str, Any]:
    """Return the files of a finished artifact: name -> size in bytes and sha256. Raises UserError for a broken or newer list."""
    path = folder / DONE
    done = read_json_object(path, "list of an artifact's files", remedy(folder))
    if done.get("schema") != SCHEMA:
        raise UserError(f"{path} has schema {done.get('schema')!r}, expected {SCHEMA}: update xstilts, or {remedy(folder)}")
    problems = list(_LIST(done, ""))
    files: dict[str, Any] = done["files"] if not problems else {}
    problems += [f"'{name}' is outside of it" for name in files if name.startswith("/") or ".." in PurePosixPath(name).parts]
    if files and METADATA not in files:
        problems.append(f"{METADATA} is missing")
    if problems:
        raise UserError(f"{path} is no list of this artifact's files: {summary(problems)}; {remedy(folder)}")
    return files


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the metadata that `publish` wrote. Raises UserError if it is missing or broken."""
    metadata = read_json_object(folder / METADATA, "metadata of an artifact", remedy(folder))
    if problems := list(_METADATA(metadata, "")):
        raise UserError(f"{folder / METADATA} is no metadata of an artifact: {summary(problems)}; {remedy(folder)}")
    return metadata


def remove(folder: Path) -> None:
    """Remove an artifact, if it exists. It is renamed first, so that a crash leaves a hidden folder, never half an artifact."""
    if trash := _set_aside(folder):
        shutil.rmtree(trash)


def _set_aside(folder: Path) -> Path | None:
    trash = temporary_name(folder, "trash")
    try:
        folder.rename(trash)
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
