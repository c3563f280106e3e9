"""Contestants that need a loop of their own, such as a trainer: each in a process that does one step on request."""

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks.rounds import Seconds

MEMORY = "memory"
"""What is asked for, if not a step."""


class Turns:
    """The loop's end: it waits for its turn before a step and says afterwards that it is done. A turn is `steps` steps."""

    def __init__(self, pipe: Connection, steps: int = 1) -> None:
        self.pipe, self.steps, self.taken = pipe, steps, 0
        self.start = self.cpu = 0.0

    def wait(self) -> None:
        """Wait for the request to continue, unless in the middle of a turn; EOFError if the other side is gone."""
        if self.taken % self.steps:
            return
        while self.pipe.recv() == MEMORY:
            self.pipe.send(torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0)
        self.start, self.cpu = time.perf_counter(), time.process_time()

    def done(self) -> None:
        """At the end of a turn, tell the seconds of a step since it began, those of a GPU's unfinished work too."""
        self.taken += 1
        if self.taken % self.steps:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter() - self.start, time.process_time() - self.cpu
        self.pipe.send((wall / self.steps, cpu / self.steps))


class Worker:
    """The benchmark's end. `work(turns, *arguments)` is run in a new process; a turn is `steps` of its steps."""

    def __init__(self, work: Callable[..., None], *arguments: Any, steps: int = 1) -> None:
        # Imports are most of a start: without a GPU, which no fork may have used, one process imports for all of them.
        context: Any = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "forkserver")
        context.set_forkserver_preload(["benchmarks.ours", "benchmarks.peers"])
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(work, theirs, steps, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def turn(self) -> Seconds:
        """One turn; the seconds of a step. EOFError if the process has ended."""
        self.pipe.send(None)
        return Seconds(*self.pipe.recv())

    def gigabytes(self) -> float:
        """The most memory that the GPU has given to the process so far."""
        self.pipe.send(MEMORY)
        return float(self.pipe.recv())

    def close(self) -> None:
        """End the process and wait for its memory to be free."""
        self.pipe.close()
        self.process.join(30)
        self.process.kill()
        self.process.join()


def _run(work: Callable[..., None], pipe: Connection, steps: int, arguments: tuple[Any, ...]) -> None:
    with contextlib.suppress(EOFError):  # no turn is left
        work(Turns(pipe, steps), *arguments)
