"""A worker process for one phase of a cell: started clean, stopped politely, never left behind.

The driver is a Hydra job that may itself be a rank of something or one job of many; the worker must not know. So its
environment loses every trace of ranks and of Hydra, and Lightning, which starts further ranks by repeating the command line of
its process, repeats this worker and nothing above it.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

RANK_VARIABLES = frozenset(
    "MASTER_ADDR MASTER_PORT RANK LOCAL_RANK NODE_RANK WORLD_SIZE GROUP_RANK LOCAL_WORLD_SIZE TORCHELASTIC_RUN_ID".split()
)
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def run_worker(
    job_file: Path,
    log_file: Path,
    command: Sequence[str] | None = None,
    on_signal: Callable[[signal.Signals], None] | None = None,
) -> int:
    """Run `python -m xstilts.worker JOB_FILE` to its end and return its exit code; a negative one is the signal that ended it.

    The worker writes to our terminal, so that its progress bars work, and keeps its own log; only its start and its end are
    noted in `log_file` here, because a worker that was killed cannot say so. It runs in a process group of its own: Ctrl-C
    reaches it once, through us. SIGINT, SIGTERM and SIGUSR2 go on to it, and to `on_signal`, instead of having their effect
    here; what to do about them when the worker has ended is the caller's choice. If we are killed, so is the worker (Linux).

    `command` replaces everything before the job file. Signals are forwarded only when called from the main thread.
    """
    words = [*(command or (sys.executable, "-m", "xstilts.worker")), str(job_file.absolute())]
    driver = os.getpid()
    _note(log_file, f"driver {driver} starts {' '.join(words)}")
    with _forwarding(on_signal) as attach:
        process = subprocess.Popen(
            words,
            env=clean_environment(os.environ),
            process_group=0,
            preexec_fn=lambda: die_with_parent(driver),
        )
        try:
            attach(process)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    _note(log_file, f"worker {process.pid} ended with {describe_exit(code)}")
    return code


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would make a new process a rank of somebody else's job, or a part of a Hydra run."""
    return {k: v for k, v in environment.items() if k not in RANK_VARIABLES and not k.startswith("HYDRA_")}


def describe_exit(code: int) -> str:
    """An exit code in words, with the usual cause where there is one."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"signal {name}" + (" (often the kernel, out of memory)" if name == "SIGKILL" else "")
    return f"signal {-code}"


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when the thread that started it ends; Linux only, elsewhere nothing.

    `parent`: the process id the parent must have; if it is gone already, the request comes too late, so this process ends
    itself at once. None: the parent of now.
    """
    if _LIBC is None:
        return
    expected = os.getppid() if parent is None else parent
    _LIBC.prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def _forwarding(on_signal: Callable[[signal.Signals], None] | None) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """While in the body, signals go to the process that is attached; those that come before it is are kept for it."""
    attached: list[subprocess.Popen[bytes]] = []
    early: list[signal.Signals] = []

    def forward(number: int, frame: FrameType | None) -> None:
        if on_signal is not None:
            on_signal(signal.Signals(number))
        if attached:
            attached[0].send_signal(number)
        else:
            early.append(signal.Signals(number))

    def attach(process: subprocess.Popen[bytes]) -> None:
        attached.append(process)
        for number in early:
            process.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield attach
        return
    previous = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield attach
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _note(log_file: Path, text: str) -> None:
    with contextlib.suppress(OSError), log_file.open("a", encoding="utf-8") as log:  # a full disk must not hide the exit code
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
