"""A worker process for one phase of a cell: started clean, stopped politely, never left behind.

The driver is a Hydra job that may itself be a rank of something or one job of many; the worker must not know. So its
environment loses every trace of ranks and of Hydra, and Lightning, which starts further ranks by repeating the command line of
its process, repeats this worker and nothing above it.

Where ranks are tasks of SLURM, `xstilts.launch.slurm` says how they are started.
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
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

RANK_VARIABLES = frozenset(
    "MASTER_ADDR MASTER_PORT RANK LOCAL_RANK NODE_RANK WORLD_SIZE GROUP_RANK LOCAL_WORLD_SIZE TORCHELASTIC_RUN_ID".split()
)
# What makes a process a task of a SLURM step, and what would shape a step started from it.
TASK_VARIABLES = frozenset(
    "SLURM_" + name
    for name in "PROCID LOCALID NODEID NTASKS NPROCS NTASKS_PER_NODE NTASKS_PER_CORE NTASKS_PER_SOCKET NTASKS_PER_GPU "
    "TASKS_PER_NODE GTIDS TASK_PID CPUS_PER_TASK CPUS_PER_GPU GPUS_PER_TASK TRES_PER_TASK CPU_BIND GPU_BIND MEM_BIND "
    "DISTRIBUTION EXACT".split()
)
TASK_PREFIXES = ("SLURM_STEP", "SLURM_CPU_BIND_", "SLURM_MEM_BIND_", "SRUN_")
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that was told to stop, and did."""
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Starter:
    """A program that starts the worker, once or as many times as it has ranks."""

    words: tuple[str, ...] = ()
    """Goes before the worker's own command line."""
    environment: dict[str, str] = field(default_factory=dict)
    relays: signal.Signals | None = None
    """What it passes on to the ranks, whatever signal is meant; None: each as it is."""


def run_worker(
    job_file: Path,
    log_file: Path,
    command: Sequence[str] | None = None,
    on_signal: Callable[[signal.Signals], None] | None = None,
    output: Path | None = None,
    starter: Starter | None = None,
) -> int:
    """Run `python -m xstilts.worker JOB_FILE` to its end and return its exit code; a negative one is the signal that ended it.

    The worker writes to our terminal, so that its progress bars work, and keeps its own log; only its start and its end are
    noted in `log_file` here, because a worker that was killed cannot say so. It runs in a process group of its own: Ctrl-C
    reaches it once, through us. SIGINT, SIGTERM and SIGUSR2 go on to it, and to `on_signal`, instead of having their effect
    here; what to do about them when the worker has ended is the caller's choice. If we are killed, so is the worker (Linux).

    `output`: a file that what the worker says is added to, instead of our terminal.
    `command` replaces `python -m xstilts.worker`. Signals are forwarded only when called from the main thread.
    """
    starter = starter or Starter()
    words = [*starter.words, *(command or (sys.executable, "-m", "xstilts.worker")), str(job_file.absolute())]
    driver = os.getpid()
    _note(log_file, f"driver {driver} starts {' '.join(words)}")
    with _forwarding(on_signal, starter.relays) as attach, _opened(output) as said:
        process = subprocess.Popen(
            words,
            stdout=said,
            stderr=said,
            env=clean_environment(os.environ) | starter.environment,
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
    dropped, prefixes = RANK_VARIABLES | TASK_VARIABLES, ("HYDRA_", *TASK_PREFIXES)
    return {k: v for k, v in environment.items() if k not in dropped and not k.startswith(prefixes)}


def stop_at_once() -> list[int]:
    """From now on SIGTERM and SIGUSR2 end this process, a worker, with code 143; what is being written is cleaned away.

    Training listens to them itself. A rank that another one started tells that one, whose end is the end of all. The list that is
    returned gets every signal that came: some libraries, told to end in the middle of an import, raise an error of their own.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if os.environ.get("LOCAL_RANK", "0") != "0":
            os.kill(os.getppid(), number)
        else:
            sys.unraisablehook = try_again
            sys.exit(STOPPED)

    def try_again(lost: "sys.UnraisableHookArgs") -> None:
        # The signal came in the middle of something whose exceptions Python ignores, such as the end of an object.
        if lost.exc_type is SystemExit:
            signal.setitimer(signal.ITIMER_REAL, 0.1)

    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGALRM):
        signal.signal(number, stop)
    return came


def last_error(log: Path) -> str:
    """What a worker complained of last, by its log: the text of its last line `error: ...`."""
    with contextlib.suppress(OSError):
        for line in reversed(log.read_text(encoding="utf-8", errors="replace").splitlines()):
            if line.startswith("error: "):
                return line.removeprefix("error: ")
    return f"the worker refused its job; its output is in {log}"


def describe_exit(code: int) -> str:
    """An exit code in words, with the usual cause where there is one."""
    if code == STOPPED:
        return f"exit code {code}: it was told to stop, and the same command goes on from there"
    number = -code if code < 0 else code - 128  # as a shell or srun tells of a signal
    name = signal.Signals(number).name if number in set(signal.Signals) else ""
    if code >= 0 and not name:
        return f"exit code {code}"
    words = f"signal {name or number}" + (" (often the kernel, out of memory)" if name == "SIGKILL" else "")
    return words if code < 0 else f"exit code {code}: {words}"


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
def _forwarding(
    on_signal: Callable[[signal.Signals], None] | None, always: signal.Signals | None
) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """While in the body, signals go to the process that is attached; those that come before it is are kept for it.

    `always`: the signal that goes there in the place of any other.
    """
    attached: list[subprocess.Popen[bytes]] = []
    early: list[signal.Signals] = []

    def forward(number: int, frame: FrameType | None) -> None:
        if on_signal is not None:
            on_signal(signal.Signals(number))
        if attached:
            attached[0].send_signal(always or number)
        else:
            early.append(signal.Signals(number))

    def attach(process: subprocess.Popen[bytes]) -> None:
        attached.append(process)
        for number in early:
            process.send_signal(always or number)

    with handled(forward):
        yield attach


@contextlib.contextmanager
def handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While in the body, this handles the signals of FORWARDED; only in the main thread, as Python wants it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in FORWARDED}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes] | None]:
    """The file to add to; None for the terminal."""
    if output is None:
        yield None
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        yield file


def _note(log_file: Path, text: str) -> None:
    with contextlib.suppress(OSError), log_file.open("a", encoding="utf-8") as log:  # a full disk must not hide the exit code
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
