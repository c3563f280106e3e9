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
from pathlib import Path, PurePosixPath
from typing import Any

from xstilts.errors import UserError
from xstilts.paths import DONE, METADATA, NOTES
from xstilts.store.files import beside, disk_full_means, encode_json, read_json_object, sync_folder
from xstilts.store.shapes import count, keyed, matching, named, optional, text, told
from xstilts.store.shapes import listed as list_of

SCHEMA = 1
_LIST = keyed({"files": named(keyed({"bytes": count, "sha256": matching("[0-9a-f]{64}", "a sha256")}), empty=False)})
_OBJECT = keyed({})
_METADATA = keyed(
    {},
    {"label": text, "fingerprint": text, "identity": _OBJECT, "encoder": optional(_OBJECT)}
    | {"heads": named(text), "data": named(_OBJECT), "lineage": list_of(_OBJECT)},
)


def is_done(folder: Path) -> bool:
    """Return whether `folder` is a finished artifact; looks, but does not verify."""
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


def check(folder: Path) -> None:
    """Look whether a folder is the artifact that its name says, with all of its files in their sizes; reads none of them whole.

    UserError naming the first file that is missing, truncated or of another length, and for another artifact's folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder, expected an artifact: {remedy(folder)}")
    for name, expected in listed(folder).items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing from the artifact: {remedy(folder)}")
        if (size := path.stat().st_size) != expected["bytes"]:
            damage = "truncated" if size < expected["bytes"] else "altered"
            raise UserError(f"{path} is {damage}: got {size} bytes, expected {expected['bytes']}; {remedy(folder)}")
    if (other := read_metadata(folder).get("fingerprint", folder.name)) != folder.name:
        raise UserError(
            f"{folder} holds another artifact, {other}, as its {METADATA} says: give the folder its own name, or {remedy(folder)}"
        )


def verify(folder: Path) -> None:
    """Check an artifact and read every file of it again; UserError naming the first that is not as it was published."""
    check(folder)
    for name, expected in listed(folder).items():
        if (digest := _sha256(folder / name)) != expected["sha256"]:
            raise UserError(f"{folder / name} is altered: got sha256 {digest}, expected {expected['sha256']}; {remedy(folder)}")


def remedy(folder: Path) -> str:
    """Return the advice about a broken artifact."""
    return f"delete the folder {folder}, or run again with store.refresh=all"


def listed(folder: Path) -> dict[str, Any]:
    """The files of a finished artifact, each with its size and checksum. UserError for a broken or a newer list."""
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
        raise UserError(f"{path} is no list of this artifact's files: {told(problems)}; {remedy(folder)}")
    return files


def read_metadata(folder: Path) -> dict[str, Any]:
    """What `publish` was given. UserError if there is none."""
    metadata = read_json_object(folder / METADATA, "metadata of an artifact", remedy(folder))
    if problems := list(_METADATA(metadata, "")):
        raise UserError(f"{folder / METADATA} is no metadata of an artifact: {told(problems)}; {remedy(folder)}")
    return metadata


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
