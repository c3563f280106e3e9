"""Show how a sweep gets on: a line for each running job, from the log of its worker, and an estimate for all jobs.

At a terminal the lines are rewritten in place; elsewhere they are messages, every `EVERY_S` seconds and without control codes.
"""

import contextlib
import datetime
import logging
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from xstilts.numbering import counted
from xstilts.paths import log_file
from xstilts.study import grid
from xstilts.study.grid import Unit

LOOK_S = 2.0
"""Between two looks at a terminal, in seconds."""
EVERY_S = 30.0
"""Between two messages elsewhere, in seconds; workers log their progress as often."""
TAIL = 8192
"""Bytes at the end of a log that are searched for the last line about progress."""

log = logging.getLogger("xstilts")


def log_of(unit: Unit) -> Path | None:
    """Return the log of the unit's worker, which may not exist yet; None if the unit has no worker of its own."""
    if unit.config.worker == "inline":
        return None
    name = unit.key[:8] if unit.phase else unit.key
    return log_file(Path(unit.config.output).absolute(), unit.label if unit.phase else "phase 4", name)


class Progress:
    """The progress of the units of all waves that are to be done; `cost` gives the FLOP of a unit, None if unknown."""

    def __init__(self, waves: Sequence[Sequence[Unit]], cost: Callable[[Unit], float | None]) -> None:
        self.units = [unit for wave in waves for unit in wave if unit.state == grid.WAITING]
        known = [flop for unit in self.units if (flop := cost(unit)) is not None]
        typical = sum(known) / len(known) if known else 1.0
        self.costs = [typical if (flop := cost(unit)) is None else flop for unit in self.units]
        self.stale = {unit.key for unit in self.units if unit.made()}
        """Keys of units that exist and are to be made again: their files say nothing about their jobs."""
        self.began = time.time()

    def lines(self) -> list[str]:
        """Return a line for each running job, and one about all jobs."""
        running, ended, done = [], 0, 0.0
        for unit, cost in zip(self.units, self.costs, strict=True):
            if unit.state != grid.WAITING or (unit.key not in self.stale and unit.made()):
                ended, done = ended + 1, done + cost
            elif (said := self._said(unit)) is not None:
                name = unit.key[:8] if unit.phase else unit.key
                running.append(f"{unit.label} {name}: {said or 'begun'}")
                done += cost * _share(said)
        left_s = (time.time() - self.began) * (sum(self.costs) / done - 1) if done else None
        left = "" if left_s is None else f", about {datetime.timedelta(seconds=round(left_s))} left"
        return [*running, f"{ended} of {counted(len(self.units), 'job')} ended, {len(running)} running{left}"]

    def _said(self, unit: Unit) -> str | None:
        """The last words of a running job about its progress, "" if it has said nothing yet; None if it does not run."""
        path = log_of(unit)
        try:
            if path is None or path.stat().st_mtime < self.began:
                return None
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL))
                said = file.read().decode("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        if said and said[-1].startswith("error: "):
            return None
        start = f"{unit.label}: "
        return next((one.removeprefix(start) for one in reversed(said) if one.startswith(start) and _share(one)), "")


def _share(said: str) -> float:
    """Return how much of a job is done by a line of its log, from 0 to 1; 0 for lines about something else."""
    found = re.search(r"\b(?:step|batch) ([\d,]+) of ([\d,]+)", said)
    done, total = (int(number.replace(",", "")) for number in found.groups()) if found else (0, 0)
    return done / total if total else 0.0


def next_step(output: str) -> str:
    """Return the line that ends a cell or a sweep: the command that shows all results of the study in `output`."""
    return f"next: `xstilts report {shlex.quote(output)}` compares all cells of this study"


@contextlib.contextmanager
def shown(progress: Progress) -> Iterator[None]:
    """Show the progress on standard error while the body runs; nothing if no job has a log."""
    if not any(map(log_of, progress.units)):
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(progress, ended, sys.stderr.isatty()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show(progress: Progress, ended: threading.Event, at_terminal: bool) -> None:
    if not at_terminal:
        before: list[str] = []
        while not ended.wait(EVERY_S):
            for line in (lines := progress.lines()):
                if line not in before:
                    log.info(line)
            before = lines
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def text() -> Text:
        return Text("\n".join(progress.lines()), no_wrap=True, overflow="ellipsis")

    # Live replaces the streams of the terminal, so that messages and tables appear above the lines.
    both = sys.stdout.isatty()
    with Live(text(), console=Console(file=sys.stderr), auto_refresh=False, transient=True, redirect_stdout=both) as live:
        while not ended.wait(LOOK_S):
            live.update(text(), refresh=True)
