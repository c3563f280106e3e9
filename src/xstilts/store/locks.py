"""File locks between processes, also of several hosts that share a file system.

The lock is flock(2): the kernel releases it when its holder dies, so there are no stale locks to clean up. Across hosts the file
system must support flock (NFS from version 4, Lustre with `-o flock`).
"""

import contextlib
import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from xstilts.errors import UserError

POLL = 0.1
"""Seconds between two attempts while waiting."""
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[str], None] | None = None, to_write: bool = True) -> Iterator[None]:
    """Hold the lock file `path` exclusively in the body.

    If another process holds it, call `on_wait` once with a description ("process 123 on HOST, which holds PATH") and wait without
    limit.

    Raises UserError if the lock file cannot be created; with `to_write=False` a read-only folder needs no lock and is accepted.
    The empty lock file stays behind: if it were removed, two processes could lock two different files of the same name.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait is not None:
                on_wait(f"{_holder(path)}, which holds {path}")
            lock.acquire(poll_interval=POLL)
    except OSError as error:
        if error.errno in _READ_ONLY and not to_write:
            yield
            return
        raise UserError(
            f"cannot lock {path}: {error.strerror or error}; it needs a folder that can be written (store.root=, output=)"
        ) from error
    note = holder_note(path)
    try:
        _leave_note(note)
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def holder_note(path: Path) -> Path:
    """Return the file beside a lock that names its holder. It only serves the message for waiting processes."""
    return path.with_name(f"{path.name}.holder")


def _leave_note(note: Path) -> None:
    # Torn or missing is harmless: neither fsync nor rename, and a full disk does not matter here.
    with contextlib.suppress(OSError):
        note.write_text(json.dumps({"host": socket.gethostname(), "process": os.getpid()}))


def _holder(path: Path) -> str:
    try:
        note = json.loads(holder_note(path).read_text())
        return f"process {note['process']} on {note['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
