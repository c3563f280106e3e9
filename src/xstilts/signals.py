"""Signals that stop the work: the one list of them, and the two ways of handling them.

A command or a worker that gets one raises `Stopped` wherever it is (`raised`), prints one line and ends with code 128+n. Where
stopping takes more (training writes a checkpoint, a driver waits for its worker), another handler is in force (`handled`).
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
"""Ctrl-C, schedulers and `kill`, a closed terminal, and the two by which SLURM announces the end of a job's time."""
FINISHED = "what was finished is kept"
GRACE = 10.0
"""Seconds after which a process ends that `Stopped` has not ended: a library caught it, or waits for its threads."""

Handler = Callable[[int, FrameType | None], None]
received: list[signal.Signals] = []
"""The stop signals that this process has got, in order."""
_ours: list[Handler] = []


class Stopped(SystemExit):
    """A signal has stopped the work. Its text is the line that the user sees, its code 128+n."""

    def __init__(self, number: int, kept: str = FINISHED) -> None:
        super().__init__(128 + number)
        self.number = signal.Signals(number)
        self.kept = kept

    def __str__(self) -> str:
        return f"stopped by {self.number.name}: {self.kept}; the same command goes on"

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return Stopped, (int(self.number), self.kept)


def tells_of_a_stop(text: str) -> bool:
    """Return whether the text is the line of a `Stopped`."""
    return text.startswith("stopped by SIG")


def stop_signal(code: int) -> signal.Signals | None:
    """The stop signal that ended a process with this exit code: 128+n, or -n if it had no handler."""
    number = -code if code < 0 else code - 128
    return signal.Signals(number) if number in STOP_SIGNALS else None


def has_foreign_handler(number: signal.Signals) -> bool:
    """Return whether somebody else in this process, such as submitit, handles the signal."""
    handler = signal.getsignal(number)
    return callable(handler) and handler is not signal.default_int_handler and handler not in _ours


def last_received() -> signal.Signals | None:
    """The last stop signal that this process has got."""
    return received[-1] if received else None


def stop_if_received() -> None:
    """Raise `Stopped` if this process has got a stop signal."""
    if received:
        raise Stopped(received[-1])


@contextlib.contextmanager
def handled(handler: Callable[[signal.Signals], None]) -> Iterator[None]:
    """While in the body, stop signals are noted in `received` and go to `handler`.

    Those that this process was started to ignore (`nohup`) stay ignored. Does nothing outside the main thread.
    """

    def note(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        handler(signal.Signals(number))

    with _installed({number: note for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN}):
        yield


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """While in the body, the first stop signal raises `Stopped` in the main thread.

    A second one, from a second later on, ends the process at once, and so does `GRACE`. If `Stopped` came where Python ignores
    exceptions, such as the end of an object, it is raised again. Does nothing outside the main thread.
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
        if received:  # this process is ending: signals come too late
            for number in heeded:
                signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def _installed(handlers: dict[signal.Signals, Handler]) -> Iterator[bool]:
    """While in the body, these are the handlers; only the main thread may set any."""
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
