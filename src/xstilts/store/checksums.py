"""SHA-256 of data files, remembered: an unchanged file of many gigabytes is read for its checksum only once.

The cache is one JSON file, real path -> [size in bytes, mtime in ns, sha256]. It saves time and decides nothing: a cache
that is broken, unreadable or cannot be written is as good as an empty one.
"""

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from xstilts.errors import UserError
from xstilts.store.files import write_json
from xstilts.store.locks import locked

YOUNG = 2_000_000_000
"""Nanoseconds. A file can change twice within one tick of its file system's clock, so a younger one is not remembered."""


def file_sha256(path: Path, cache: Path | None = None) -> str:
    """The hex SHA-256 of a file, from `cache` if the file's size and mtime are the remembered ones. OSError if unreadable."""
    key = os.path.realpath(path)
    before = os.stat(key)
    if cache is not None and (known := _read(cache).get(key)) and known[:2] == [before.st_size, before.st_mtime_ns]:
        return str(known[2])
    with open(key, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    after = os.stat(key)
    steady = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if cache is not None and steady and time.time_ns() - after.st_mtime_ns > YOUNG:
        _remember(cache, key, [after.st_size, after.st_mtime_ns, digest])
    return digest


def _read(cache: Path) -> dict[str, list[int | str]]:
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: entry for key, entry in content.items() if isinstance(entry, list) and len(entry) == 3}


def _remember(cache: Path, key: str, entry: list[int | str]) -> None:
    # The lock keeps two processes from overwriting each other's entries.
    with contextlib.suppress(OSError, UserError), locked(cache.with_name(f"{cache.name}.lock")):
        write_json(cache, _read(cache) | {key: entry})
