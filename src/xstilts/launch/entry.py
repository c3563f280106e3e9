"""The frame around every command: output that cannot fail it, signals that stop it, and errors in one line.

Imports nothing large: a signal during the imports of a command must find its handler.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from xstilts import signals
from xstilts.errors import UserError, print_error, shown_already
from xstilts.launch import streams
from xstilts.launch.parent import obey_parent
from xstilts.store.files import disk_full

SAFE_PATH = "PYTHONSAFEPATH"
"""With it, the interpreters that a command starts find no modules in the current folder."""


@contextlib.contextmanager
def entry_point(by_user: bool = True) -> Iterator[None]:
    """Around the body of a command: what a user can put right is one line and code 2; a stop signal one line and code 128+n.

    Without `by_user`, the driver says what has stopped.
    """
    obey_parent()
    streams.prepare()
    os.environ.setdefault(SAFE_PATH, "1")
    signals.received.clear()
    shown_already.clear()
    try:
        with signals.raised():
            _check_folder()
            yield
    except signals.Stopped as stopped:
        _end_stopped(stopped, by_user)
    except UserError as error:
        print_error(error)
        sys.exit(2)
    except Exception as error:
        if signals.received:  # some libraries raise an error of their own when they are stopped
            _end_stopped(signals.Stopped(signals.received[0]), by_user)
        if (reason := disk_full(error)) is None:
            raise
        print_error(UserError(f"disk full ({reason}): free space and run the same command again"))
        sys.exit(2)


def _check_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder does not exist any more: change to another one and type the command again") from None


def _end_stopped(stopped: signals.Stopped, say: bool) -> NoReturn:
    if say:
        below = "\n" if sys.stderr.isatty() else ""  # a progress bar and ^C stand in the line
        sys.stderr.write(f"{below}{stopped}\n")
    for thread in threading.enumerate():  # a download, say, which Python would wait for
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(1)
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(128 + stopped.number)
    sys.exit(stopped.code)
