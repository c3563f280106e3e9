"""Standard output and error that never fail a command: what cannot be shown is replaced or dropped.

The encoding of a terminal or of a batch system's log may lack a character, the stream may be closed, its disk full, its reader
gone. None of that concerns the work, whose result is in files.
"""

import contextlib
import io
import os
import select
import sys
from typing import Any, TextIO


def prepare() -> None:
    """Replace `sys.stdout` and `sys.stderr`; nothing where they are not those that the process began with, as in tests."""
    _open_closed()
    for name, descriptor, errors in (("stdout", 1, "replace"), ("stderr", 2, "backslashreplace")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _tolerant(descriptor, "utf-8", errors))
        elif stream is getattr(sys, f"__{name}__") and _writes_to(stream, descriptor):
            with contextlib.suppress(OSError):
                stream.flush()
            setattr(sys, name, _tolerant(descriptor, stream.encoding, errors))


def _open_closed() -> None:
    """Open the null device at 0, 1 and 2 where they are closed; the next file would be opened there, and be written to."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)


def _writes_to(stream: Any, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)
    except (OSError, ValueError, AttributeError):
        return False


def _tolerant(descriptor: int, encoding: str, errors: str) -> TextIO:
    raw = _Tolerant(descriptor, "w", closefd=False)
    # Line by line, also into a file: what was said stays in order with what a worker says there.
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=True)


class _Tolerant(io.FileIO):
    """A file whose writes never fail; what nobody can take is dropped."""

    def write(self, data: Any) -> int:
        while True:
            try:
                if (written := super().write(data)) is not None:
                    return written
                select.select([], [self], [])  # a pipe in non-blocking mode that is full
            except OSError:
                return len(memoryview(data).cast("B"))
