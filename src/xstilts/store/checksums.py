"""Cached SHA-256 of data files: an unchanged file of many gigabytes is hashed only once.

The cache is one JSON file, `device:real path` -> [size in bytes, mtime in ns, ctime in ns, inode, sha256]. An entry counts only
if all of them agree: archives, container images and `cp -p` can give other content the same size and mtime, but no program can
set the ctime. A cache that is broken, unreadable or read-only counts as empty.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts.store.files import write_json
from xstilts.store.locks import locked

_DIGEST = re.compile("[0-9a-f]{64}")
MARGIN = 2_000_000_000
"""Nanoseconds, more than one tick of any file system's clock (FAT has the longest). A file that was changed less than this before
it was hashed may change again and keep its times, so its checksum is not cached, as with git's racy entries."""


def file_sha256(path: Path, cache: Path | None = None) -> str:
    """Return the hex SHA-256 of a file, from `cache` if the file has not changed since. Raises OSError if it is unreadable."""
    real = Path(os.path.realpath(path))
    before = real.stat()
    key = f"{before.st_dev}:{real}"
    if cache is not None and (known := _read(cache).get(key)) and known[:-1] == _state(before):
        return str(known[-1])
    started = time.time_ns()
    with real.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    settled = max(before.st_mtime_ns, before.st_ctime_ns) + MARGIN < started
    if cache is not None and settled and _state(real.stat()) == _state(before):
        _remember(cache, key, [*_state(before), digest])
    return digest


def _state(stat: os.stat_result) -> list[int | str]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _read(cache: Path) -> dict[str, list[int | str]]:
    try:
        return _parsed(cache, *_state(cache.stat()))
    except OSError:
        return {}


@lru_cache(maxsize=2)
def _parsed(cache: Path, *state: int | str) -> dict[str, list[int | str]]:
    """The entries of a cache file in this `state`; planning a sweep asks for thousands of checksums."""
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: entry for key, entry in content.items() if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 5 and isinstance(entry[4], str) and bool(_DIGEST.fullmatch(entry[4]))


def _remember(cache: Path, key: str, entry: list[int | str]) -> None:
    # The lock keeps two processes from overwriting each other's entries. ValueError: a path that is not UTF-8, a full disk.
    with contextlib.suppress(OSError, ValueError), locked(cache.with_name(f"{cache.name}.lock")):
        write_json(cache, _read(cache) | {key: entry})
