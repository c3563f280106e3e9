"""Contestants that need a loop of their own, such as a trainer: each in a process, which does one step when it is told to."""

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

MEMORY = "memory"
"""What is asked for, if not a step."""


class Turns:
    """The loop's end: it waits for its turn before a step and says afterwards that it is done."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.start = 0.0

    def wait(self) -> None:
        """Until it is told to go on; EOFError if nobody will."""
        while self.pipe.recv() == MEMORY:
            self.pipe.send(torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0)
        self.start = time.perf_counter()

    def done(self) -> None:
        """Tell the seconds since then, those of a GPU's unfinished work too."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.pipe.send(time.perf_counter() - self.start)


class Worker:
    """The benchmark's end. `work(turns, *arguments)` is run in a new process."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(work, theirs, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def turn(self) -> float:
        """One step; its seconds. EOFError if the process has ended."""
        self.pipe.send(None)
        return float(self.pipe.recv())

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


def _run(work: Callable[..., None], pipe: Connection, arguments: tuple[Any, ...]) -> None:
    with contextlib.suppress(EOFError):  # no turn is left
        work(Turns(pipe), *arguments)
