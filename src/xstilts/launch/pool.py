"""Command lines on one machine, several at once: each gets one of a fixed number of places, and the place's environment.

Uses no Hydra, and counts GPUs without torch, which would take hold of one of them.
"""

import functools
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts import signals
from xstilts.launch.parent import PARENT
from xstilts.launch.process import clean_environment

POLL_S = 0.1


@dataclass(frozen=True)
class Command:
    """A command line and the file that its output is added to."""

    words: tuple[str, ...]
    log: Path


Outcome = int | OSError | None
"""An exit code, negative for a signal; why the command could not be started; or None: a signal came before it was."""


def run_pool(
    commands: Sequence[Command],
    environments: Sequence[Mapping[str, str]],
    started: Callable[[int, int], None],
    ended: Callable[[int, Outcome], None],
) -> list[Outcome]:
    """Run all commands, as many at once as there are `environments`, and return how each ended, in their order.

    An environment is what its place adds to ours, which is cleaned of ranks and of Hydra first. `started` gets a command's
    number and its place, `ended` its number and outcome.

    Stop signals go on to everything that runs (each in a process group of its own, so that Ctrl-C comes once) and are noted in
    `signals.received`; nothing more is started, and this returns when all have ended. If we are killed, so are they (Linux).
    Signals are forwarded only when called from the main thread.
    """
    outcomes: list[Outcome] = [None for _ in commands]
    came: list[signal.Signals] = []
    waiting = deque(range(len(commands)))
    free = deque(range(len(environments)))
    running: dict[int, tuple[subprocess.Popen[bytes], int]] = {}

    def end(number: int, outcome: Outcome, place: int) -> None:
        free.append(place)
        outcomes[number] = outcome
        ended(number, outcome)

    with signals.handled(came.append):
        try:
            forwarded = 0
            while running or (waiting and not came):
                while waiting and free and not came:
                    number, place = waiting.popleft(), free.popleft()
                    try:
                        running[number] = _start(commands[number], environments[place]), place
                    except OSError as error:
                        end(number, error, place)
                    else:
                        started(number, place)
                for number_of_signal in came[forwarded:]:
                    for process, _ in running.values():
                        process.send_signal(number_of_signal)
                    forwarded += 1
                time.sleep(POLL_S)
                for number, (process, place) in list(running.items()):
                    if (code := process.poll()) is not None:
                        del running[number]
                        end(number, code, place)
        finally:
            for process, _ in running.values():
                process.kill()
            for process, _ in running.values():
                process.wait()
    return outcomes


def _start(command: Command, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {shlex.join(command.words)}\n".encode())
        log.flush()
        return subprocess.Popen(
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean_environment(os.environ) | {PARENT: str(os.getpid())} | dict(environment),
            process_group=0,
        )


def visible_gpus() -> list[str] | None:
    """Return the GPUs for `CUDA_VISIBLE_DEVICES`: those it names already, else all of nvidia-smi; None if unknown."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        gpus = [gpu.strip() for gpu in named.split(",") if gpu.strip()]
        return gpus[: gpus.index("-1")] if "-1" in gpus else gpus  # CUDA reads no further than a number that is none
    program = shutil.which("nvidia-smi")
    return None if program is None else _listed_by(program)


@functools.cache
def _listed_by(program: str) -> list[str] | None:
    """Once in a process: a sweep asks for each of its cells, and the program takes its time."""
    try:
        listed = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return [str(number) for number, _ in enumerate(line for line in listed.splitlines() if line.startswith("GPU "))]


def places(processes: int | None, devices: int, gpus: Sequence[str]) -> list[dict[str, str]]:
    """The environments of so many places, each with `devices` of the GPUs for itself while there are enough, then shared in turn.

    `processes=None`: as many as have GPUs of their own, without GPUs one.
    """
    shares = [",".join(gpus[first : first + devices]) for first in range(0, len(gpus) - devices + 1, devices)]
    if not shares:
        return [{} for _ in range(processes or 1)]
    return [{"CUDA_VISIBLE_DEVICES": shares[place % len(shares)]} for place in range(processes or len(shares))]
