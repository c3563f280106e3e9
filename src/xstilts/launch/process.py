"""A worker process for one phase of a cell: started clean, stopped by the signals that stop its driver, never left behind.

The driver is a Hydra job that may itself be a rank of something or one job of many. The worker's environment therefore loses
every trace of ranks and of Hydra, and Lightning, which starts further ranks by repeating the command line of its process, repeats
this worker and nothing above it.

Where ranks are tasks of SLURM, `xstilts.launch.slurm` starts them.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from xstilts import signals
from xstilts.launch import parent
from xstilts.launch.entry import SAFE_PATH
from xstilts.launch.parent import PARENT

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
OPTIMIZE = "PYTHONOPTIMIZE"
IMPATIENT = 3
"""So many times Ctrl-C ends a worker at once, without a checkpoint."""


@dataclass(frozen=True)
class Starter:
    """A program that starts the worker, once or as many times as it has ranks."""

    words: tuple[str, ...] = ()
    """Goes before the worker's own command line."""
    environment: dict[str, str] = field(default_factory=dict)
    relays: signal.Signals | None = None
    """The one signal that it passes on to the ranks, sent in place of any other; None: it passes on all."""


def run_worker(
    job_file: Path,
    log_file: Path,
    command: Sequence[str] | None = None,
    output: Path | None = None,
    starter: Starter | None = None,
) -> int:
    """Run `python -m xstilts.worker JOB_FILE` to its end and return its exit code; a negative one is the signal that ended it.

    The worker writes to our terminal, so that its progress bars work, and keeps its own log; only its start and its end are
    noted in `log_file` here, because a worker that was killed cannot say so. It runs in a process group of its own: Ctrl-C
    reaches it once, through us. Stop signals go on to it and are noted in `signals.received`, instead of stopping us; the caller
    stops when the worker has ended. If we are killed, so is the worker (Linux).

    `output`: a file that the worker's output is added to, instead of our terminal.
    `command` replaces `python -m xstilts.worker`. Signals are forwarded only when called from the main thread.
    """
    starter = starter or Starter()
    words = [*starter.words, *(command or (sys.executable, "-m", "xstilts.worker")), str(job_file.absolute())]
    _note(log_file, f"driver {os.getpid()} on {socket.gethostname()} starts {' '.join(words)}")
    if starter.words:
        words = [sys.executable, "-m", parent.__name__, *words]
    hold = command is None and not starter.words  # until `entry_point` handles them
    with _forwarding(starter.relays) as attach, _opened(output) as said:
        with signals.held() if hold else contextlib.nullcontext():
            process = subprocess.Popen(
                words,
                stdout=said,
                stderr=said,
                env=clean_environment(os.environ) | {PARENT: str(os.getpid())} | starter.environment,
                process_group=0,
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
    """`environment` without what would make a new process a rank of somebody else's job, or a part of a Hydra run.

    With it a Python program finds no modules in the current folder, whose files could have the names of libraries, and keeps the
    docstrings that transformers needs (`PYTHONOPTIMIZE=2` drops them).
    """
    dropped, prefixes = RANK_VARIABLES | TASK_VARIABLES | {PARENT}, ("HYDRA_", *TASK_PREFIXES)
    kept = {k: v for k, v in environment.items() if k not in dropped and not k.startswith(prefixes)}
    if kept.get(OPTIMIZE, "") not in ("", "0"):
        kept[OPTIMIZE] = "1"
    return kept | {SAFE_PATH: "1"}


def last_error(log: Path) -> str:
    """Return the last error in a worker's log: the text of its last line `error: ...`."""
    with contextlib.suppress(OSError):
        for line in reversed(log.read_text(encoding="utf-8", errors="replace").splitlines()):
            if line.startswith("error: "):
                return line.removeprefix("error: ")
    return f"the worker refused its job; its output is in {log}"


def describe_exit(code: int) -> str:
    """An exit code in words, with the usual cause where there is one."""
    number = -code if code < 0 else code - 128  # as a shell or srun reports a signal
    name = signal.Signals(number).name if number in set(signal.Signals) else ""
    if code >= 0 and not name:
        return f"exit code {code}"
    words = f"signal {name or number}" + (" (often the kernel, out of memory)" if name == "SIGKILL" else "")
    return words if code < 0 else f"exit code {code}: {words}"


@contextlib.contextmanager
def _forwarding(always: signal.Signals | None) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """While in the body, stop signals go to the process that is attached; those that come before it is are kept for it.

    `always`: the signal that goes there in the place of any other.
    """
    attached: list[subprocess.Popen[bytes]] = []
    early: list[signal.Signals] = []

    def forward(number: signal.Signals) -> None:
        if not attached:
            early.append(number)
        elif number == signal.SIGINT and signals.received.count(number) >= IMPATIENT:
            attached[0].kill()
        else:
            attached[0].send_signal(always or number)

    def attach(process: subprocess.Popen[bytes]) -> None:
        attached.append(process)
        for number in early:
            process.send_signal(always or number)

    with signals.handled(forward):
        yield attach


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
