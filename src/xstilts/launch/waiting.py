"""Waiting for the jobs of a cluster: each has a result at some time, or is gone without one, which must not be waited for.

submitit waits until SLURM's accounting (`sacct`) says that a job has ended. Where there is no accounting, a sweep waited for ever
for a job that was killed; so here the queue itself is asked, which every SLURM has, and `sacct` at most for what became of a job.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

LOOK_S = 1.0
"""Between two looks for results, in seconds."""
ASK_S = 15.0
"""Between two questions which jobs there are."""
LOST_AFTER = 3
"""A job that is unknown so often in a row has ended, and its result would have come through a slow file system by then."""

Known = Callable[[Sequence[Any]], Collection[str] | None]
"""Jobs -> the ids of those that wait or run; None: there was no answer."""


def finished(jobs: Sequence[Any], known: Known, ask_s: float = ASK_S) -> Iterator[int]:
    """The numbers of the (submitit) jobs, each as soon as its first task has a result, or will have none."""
    waiting, unseen = set(range(len(jobs))), [0] * len(jobs)
    asked = time.monotonic()
    while waiting:
        look_again(jobs[0])
        if done := [number for number in waiting if has_result(jobs[number])]:
            waiting.difference_update(done)
            yield from sorted(done)
            continue
        if time.monotonic() - asked >= ask_s:
            asked = time.monotonic()
            there = known([jobs[number] for number in sorted(waiting)])
            for number in sorted(waiting) if there is not None else []:
                unseen[number] = 0 if jobs[number].job_id in (there or ()) else unseen[number] + 1
                if unseen[number] >= LOST_AFTER:
                    waiting.remove(number)
                    yield number
        time.sleep(LOOK_S)


def has_result(job: Any) -> bool:
    """Return whether the job's first task, the only one with something to say, has left its result."""
    return bool(job.task(0).paths.result_pickle.exists())


def look_again(job: Any) -> None:
    """Have a network file system ask its server which files there are, instead of remembering that there were none."""
    with contextlib.suppress(OSError):
        folder = job.paths.folder
        folder.chmod(folder.stat().st_mode)


def queue_of_slurm(jobs: Sequence[Any]) -> Collection[str] | None:
    """Return those of our jobs in SLURM's queue: waiting, running or requeued, but not finished."""
    answer = ask("squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}")
    return None if answer is None else set(answer.split())


def state_in_slurm(job_id: str) -> str:
    """Return SLURM's state of a job (`TIMEOUT`, `OUT_OF_MEMORY`); empty if it is unknown."""
    for command in (
        ("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job_id}"),
        ("sacct", "--allocations", "--noheader", "--parsable2", "--format=State", f"--jobs={job_id}"),
    ):
        if answer := ask(*command):
            return answer.splitlines()[0].strip()
    return ""


def ask(*command: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return what a command of SLURM says; None if it is missing, fails or takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment).stdout.strip()
    except (OSError, subprocess.SubprocessError):  # no such program, or a controller that is busy just now
        return None
