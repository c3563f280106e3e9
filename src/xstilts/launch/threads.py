"""CPU threads of a worker: one for each core that it may use and that other processes do not use.

The threads of a matrix product wait for the last of them: with more threads than free cores it can take longer than with one.
"""

import contextlib
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

from xstilts.config import TrainerConfig
from xstilts.paths import THREADS

VARIABLE = "OMP_NUM_THREADS"
"""Read by torch, NumPy and Lightning in each process of the worker."""
PROC, CGROUPS, CPUS = Path("/proc"), Path("/sys/fs/cgroup"), Path("/sys/devices/system/cpu")
WATCHED_S = 0.2
"""The time over which the use of the cores is measured; the kernel counts in hundredths of a second."""


def environment(trainer: TrainerConfig, work: Path) -> dict[str, str]:
    """The variable that tells a worker its threads; {} where the user or a scheduler has set it, and on other systems than Linux.

    A job that is resumed gets the number that it began with, from its folder `work`: another one would round sums otherwise.
    """
    if trainer.num_threads:
        return {VARIABLE: str(trainer.num_threads)}
    if os.environ.get(VARIABLE) or not hasattr(os, "sched_getaffinity"):
        return {}
    noted = work / THREADS
    with contextlib.suppress(OSError, ValueError):
        return {VARIABLE: str(int(noted.read_text()))}
    count = max(1, free_cores() // trainer.devices)
    with contextlib.suppress(OSError):  # what else the job writes there will say that it cannot
        noted.write_text(str(count))
    return {VARIABLE: str(count)}


def share(processes: int) -> dict[str, str]:
    """The variable for each of several jobs that share the cores of this machine; {} where it is set, and for a single job."""
    if processes == 1 or os.environ.get(VARIABLE) or not hasattr(os, "sched_getaffinity"):
        return {}
    return {VARIABLE: str(max(1, int(_usable(os.sched_getaffinity(0))) // processes))}


def free_cores() -> int:
    """The cores of this process's affinity that are not in use now, at most the quota of its control group; at least 1."""
    cpus = os.sched_getaffinity(0)
    before, start = _idle_seconds(cpus), time.monotonic()
    time.sleep(WATCHED_S)
    used = len(cpus) - (_idle_seconds(cpus) - before) / (time.monotonic() - start)
    return max(1, round(min(_usable(cpus), _cores(cpus) - used)))


def _usable(cpus: set[int]) -> float:
    return min([_cores(cpus), *_quotas()])


def _cores(cpus: set[int]) -> int:
    """Two hyperthreads are one core."""
    siblings = set()
    for cpu in cpus:
        try:
            siblings.add((CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(cpu))
    return len(siblings)


def _idle_seconds(cpus: set[int]) -> float:
    """Sum over these CPUs of the time with nothing to do since the machine started."""
    ticks = 0
    for line in (PROC / "stat").read_text().splitlines():
        name, *numbers = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cpus:
            ticks += int(numbers[3]) + int(numbers[4])  # idle, and waiting for a disk
    return ticks / os.sysconf("SC_CLK_TCK")


def _quotas() -> Iterator[float]:
    """Yield the limits, in CPUs, of this process's control groups and of those above them, of both versions of control groups."""
    with contextlib.suppress(OSError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            root = CGROUPS if number == "0" else CGROUPS / "cpu" if "cpu" in controllers.split(",") else None
            group = root and root / path.lstrip("/")
            while group and root and group.is_relative_to(root):
                with contextlib.suppress(OSError, ValueError):
                    yield _quota(group)
                group = group.parent


def _quota(group: Path) -> float:
    """OSError or ValueError where it has none."""
    if (group / "cpu.max").exists():
        limit, period = (group / "cpu.max").read_text().split()
        return int(limit) / int(period)  # without a limit there is the word `max`
    limit, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return int(limit) / int(period) if int(limit) > 0 else math.inf
