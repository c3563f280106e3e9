"""The signals that stop a command, and two ways to handle them.

By default (`raised`) a command or worker raises `Stopped` wherever it is, prints one line and exits with code 128+n. Where
stopping takes more work (training writes a checkpoint, a driver waits for its worker), `handled` installs another handler.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Ctrl-C, schedulers and `kill`, a closed terminal, and the two by which SLURM announces the end of a job's time limit."""
FINISHED = "finished work is kept"
GRACE = 10.0
"""Seconds after which a process is ended if `Stopped` did not end it, because a library caught it or waits for its threads."""

Handler = Callable[[int, FrameType | None], None]
received: list[signal.Signals] = []
"""The stop signals that this process has received, in order."""
_ours: list[Handler] = []


class Stopped(SystemExit):
    """Raised when a signal stops the work. Its text is the line that the user sees, its exit code 128+n."""

    def __init__(self, number: int, kept: str = FINISHED) -> None:
        super().__init__(128 + number)
        self.number = signal.Signals(number)
        self.kept = kept

    def __str__(self) -> str:
        return f"stopped by {self.number.name}: {self.kept}; rerun the command to continue"

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return Stopped, (int(self.number), self.kept)


def is_stop_message(text: str) -> bool:
    """Return whether a text is the message of a `Stopped`."""
    return text.startswith("stopped by SIG")


def stop_signal(code: int) -> signal.Signals | None:
    """Return the stop signal that ended a process with this exit code (128+n, or -n without a handler); None for other codes."""
    number = -code if code < 0 else code - 128
    return signal.Signals(number) if number in STOP_SIGNALS else None


def has_foreign_handler(number: signal.Signals) -> bool:
    """Return whether another library in this process, such as submitit, handles the signal."""
    handler = signal.getsignal(number)
    return callable(handler) and handler is not signal.default_int_handler and handler not in _ours


def last_received() -> signal.Signals | None:
    """Return the last stop signal that this process has received; None without one."""
    return received[-1] if received else None


def stop_if_received() -> None:
    """Raise `Stopped` if this process has received a stop signal."""
    if received:
        raise Stopped(received[-1])


@contextlib.contextmanager
def handled(handler: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Append stop signals to `received` and call `handler` with them while in the body.

    Signals that this process was started to ignore (`nohup`) stay ignored. Does nothing outside the main thread.
    """

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        handler(signal.Signals(number))

    with _installed({number: note for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN}):
        yield


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise `Stopped` in the main thread on the first stop signal while in the body.

    A second signal, at least a second later, ends the process at once; so does the end of `GRACE`. If `Stopped` was raised where
    Python ignores exceptions, such as a destructor, it is raised again. Does nothing outside the main thread.
    """
    since: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            received.append(signal.Signals(number))
        now = time.monotonic()
        if not since:
            since.append(now)
        elif number != signal.SIGALRM and now - since[0] < 1:
            return
        elif number != signal.SIGALRM or now - since[0] >= GRACE:
            _end_now(Stopped(received[0]))
        signal.setitimer(signal.ITIMER_REAL, max(0.1, since[0] + GRACE - now))
        raise Stopped(received[0])

    def again(lost: "sys.UnraisableHookArgs") -> None:
        if isinstance(lost.exc_value, Stopped):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
        else:
            unraisable(lost)

    unraisable = sys.unraisablehook
    heeded = {number: stop for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        with _installed({**heeded, signal.SIGALRM: stop}) as installed:
            try:
                if installed:
                    sys.unraisablehook = again
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
                yield
            finally:
                if installed:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    sys.unraisablehook = unraisable
    finally:
        if received:  # this process is ending: ignore further signals
            for number in heeded:
                signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold stop signals back while in the body, in a process that is started there too: until its `raised` lets them through."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _installed(handlers: dict[signal.Signals, Handler]) -> Iterator[bool]:
    """Install these handlers while in the body; yield False and do nothing outside the main thread, which alone may set them."""
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    _ours.extend(handlers.values())
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield True
    finally:
        del _ours[-len(handlers) :]
        for number, before in previous.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)


def _end_now(stopped: Stopped) -> None:
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{stopped}\n")
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(stopped.code if isinstance(stopped.code, int) else 1)
