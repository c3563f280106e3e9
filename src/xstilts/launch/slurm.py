"""Tasks of the driver in a SLURM job: start ranks by srun, be one driver for several tasks, and end in time."""

import hashlib
import logging
import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from xstilts import signals
from xstilts.config import TrainerConfig
from xstilts.errors import UserError
from xstilts.launch.process import Starter
from xstilts.launch.waiting import ask
from xstilts.numbering import counted

log = logging.getLogger("xstilts")

LONGEST_GRACE = 1800.0
"""Seconds that a job that is to end waits for SLURM to end it."""
OWN_SIGNAL = 30.0
"""Seconds after the SIGTERM of a rank within which the driver gets its own, if SLURM ends the whole job."""
MOST_RESTARTS = 5
"""A job that SLURM has started again so often is not put back into the queue for a rank that SIGTERM ended."""
_FIRST_PORT, _PORTS = 15000, 17000  # below those that Linux hands out by itself


def starts_by_srun(trainer: TrainerConfig) -> bool:
    """Return whether each rank is a task of its own; several nodes can be had in no other way."""
    return trainer.num_nodes > 1 or (trainer.start_ranks == "srun" and trainer.devices > 1)


def is_extra_task(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether another task of this SLURM job is the driver: the first one is, and starts the ranks on all nodes."""
    return int(environment.get("SLURM_PROCID") or 0) > 0


def srun(trainer: TrainerConfig, job_file: Path, environment: Mapping[str, str] = os.environ) -> Starter:
    """Return the command that starts the ranks of a worker in this SLURM job; UserError if the job is too small."""
    asked = f"trainer.num_nodes={trainer.num_nodes}" if trainer.num_nodes > 1 else "trainer.start_ranks=srun"
    job = environment.get("SLURM_JOB_ID")
    if not job or shutil.which("srun", path=environment.get("PATH")) is None:
        raise UserError(f"{asked} needs a SLURM job, and this process belongs to none: type hydra/launcher=slurm, or use sbatch")
    nodes = int(environment.get("SLURM_JOB_NUM_NODES") or 1)
    if nodes < trainer.num_nodes:
        raise UserError(f"{asked}, but the SLURM job has {nodes}: type hydra.launcher.nodes={trainer.num_nodes}")
    cpus = _fewest_cpus(environment.get("SLURM_JOB_CPUS_PER_NODE", ""))
    if cpus is not None and cpus < trainer.devices:
        raise UserError(
            f"trainer.devices={trainer.devices}, but the SLURM job has {counted(cpus, 'CPU')} on a node, expected one for "
            f"each rank: type hydra.launcher.cpus_per_task={trainer.devices}"
        )
    words = [
        "srun",
        "--overlap",  # the driver's own task holds the job's resources
        "--kill-on-bad-exit=1",
        "--input=none",
        f"--nodes={trainer.num_nodes}",
        f"--ntasks={trainer.num_nodes * trainer.devices}",
        f"--ntasks-per-node={trainer.devices}",
        f"--cpus-per-task={(cpus or trainer.devices) // trainer.devices}",
    ]
    address = _first_address(environment.get("SLURM_JOB_NODELIST", ""), environment)
    meeting = {"MASTER_PORT": str(rank_port(job, job_file))} | ({"MASTER_ADDR": address} if address else {})
    # srun passes SIGUSR2 on to all ranks. At SIGTERM it kills them.
    return Starter(tuple(words), meeting, signal.SIGUSR2)


def rank_port(job: str, job_file: Path) -> int:
    """The port at which the ranks meet. Lightning's own depends on the job's number alone, and on its last four digits only."""
    digest = hashlib.sha256(f"{job} {job_file}".encode()).digest()
    return _FIRST_PORT + int.from_bytes(digest[:8]) % _PORTS


def outlast_lost_nodes(kept: str, environment: Mapping[str, str] = os.environ) -> None:
    """Sleep until SLURM ends this job, if it no longer reaches one of the job's nodes; return at once if it reaches all.

    SLURM requeues a job that has lost a node. If the driver ended before, the job would count as failed. `kept` says what the
    requeued job goes on from.
    """
    if "SLURM_PROCID" in environment and (lost := _lost_nodes(environment)):
        log.info(f"SLURM lost {', '.join(lost)}: {kept}; waiting for SLURM to end this job, and to start it again")
        time.sleep(LONGEST_GRACE)


def make_way(stopped: signals.Stopped) -> NoReturn:
    """End this process after its worker was stopped, as the scheduler that it runs under expects.

    A job of submitit has handlers of its own: that of the signal for the end of its time, SIGUSR2 or SIGUSR1, puts it back into
    the queue. SIGTERM alone in a SLURM job is preemption, or somebody cancelled the job, and SLURM will end it; if we ended
    first, it would not run again but count as failed. If SIGTERM ended a rank but never reached the driver, the job is neither:
    SLURM still ends what ran on a lost node when the node is back, and that may be a rank of the next attempt. Such a job goes
    back into the queue, `MOST_RESTARTS` times.
    """
    in_slurm = "SLURM_PROCID" in os.environ
    if in_slurm and stopped.number == signal.SIGTERM and not signals.received:
        _await_own_signal()
    rank_alone = in_slurm and stopped.number == signal.SIGTERM and not signals.received
    again = rank_alone and int(os.environ.get("SLURM_RESTART_COUNT") or 0) < MOST_RESTARTS
    if again:
        log.info(f"SIGTERM ended a rank, but not this job: {stopped.kept}; the job goes back into the queue")
    for number in (signal.SIGUSR2, signal.SIGUSR1):
        if (number in signals.received or again) and signals.has_foreign_handler(number):
            signal.raise_signal(number)
    if in_slurm and stopped.number == signal.SIGTERM and not rank_alone:
        log.info(
            f"stopped by SIGTERM: {stopped.kept}; waiting for SLURM to end this job, and to start it again if it was preempted"
        )
        time.sleep(LONGEST_GRACE)
    raise stopped


def _await_own_signal() -> None:
    """Wait for a stop signal to this process, which `signals.received` then has, but no longer than `OWN_SIGNAL`."""
    deadline = time.monotonic() + OWN_SIGNAL
    with signals.handled(lambda number: None):
        while not signals.received and time.monotonic() < deadline:
            time.sleep(0.1)


def _lost_nodes(environment: Mapping[str, str]) -> list[str]:
    """The nodes of this job that SLURM no longer reaches.

    Asks three times: when SLURM ends a job, its SIGTERM goes to all processes, and may end the question too.
    """
    nodes = environment.get("SLURM_JOB_NODELIST", "")
    for _ in range(3):
        found = ask("sinfo", "--dead", "--noheader", "--Node", f"--nodes={nodes}", "--format=%N", environment=environment)
        if found is not None:
            return sorted(set(found.split()))
        time.sleep(1)
    return []


def _first_address(nodes: str, environment: Mapping[str, str]) -> str:
    """The address by which SLURM reaches the first of the nodes (`node[1-2]`); empty if it does not say.

    A node's name, which Lightning would take, need not be the name of a host.
    """
    names = ask("scontrol", "show", "hostnames", nodes, environment=environment) if nodes else None
    if not names:
        return ""
    first = f"--nodes={names.split()[0]}"
    return (ask("sinfo", "--noheader", "--Node", first, "--format=%o", environment=environment) or " ").split("\n")[0].strip()


def _fewest_cpus(text: str) -> int | None:
    """CPUs on the smallest node, of `16(x2),8`."""
    return min(map(int, re.findall(r"(?:^|,)(\d+)", text)), default=None)
