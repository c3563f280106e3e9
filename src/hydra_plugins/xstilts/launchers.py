"""Hydra launchers whose sweep outlives its jobs: `local` for one machine, `slurm` for a cluster, `slurm_local` to try the latter.

What a job comes back with: nothing if all is well; the reason, if it could say what is wrong; a failure that names its log, if it
was lost. No job is a reason to raise anything.

The settings of the last two are in conf/hydra/launcher/; here is only which class they are for.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from xstilts import signals
from xstilts.errors import UserError
from xstilts.launch import waiting
from xstilts.launch.cells import log_to_stderr
from xstilts.launch.pool import Command, Outcome, places, run_pool, visible_gpus
from xstilts.launch.process import describe_exit

try:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
except ImportError:  # the extra `slurm` is not installed; xstilts.study.combinations refuses the launchers that need it

    class BaseSubmititLauncher(BasicLauncher):  # type: ignore[no-redef]
        """Stands for the missing one."""

        def __init__(self, **settings: Any) -> None:
            super().__init__()


log = logging.getLogger("xstilts")

ABOUT_THE_SWEEP = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep.", "hydra.mode")
"""How overrides begin that say nothing to a job by itself."""
SHARED_BY_EXECUTORS = "timeout_min cpus_per_task gpus_per_node tasks_per_node mem_gb nodes name stderr_to_stdout".split()
"""Settings that submitit has for each kind of executor; all others are written with the name of the kind before them."""


@dataclass
class LocalConf:
    """Options of `hydra/launcher=local`."""

    _target_: str = "hydra_plugins.xstilts.launchers.LocalLauncher"
    processes: int | None = None
    """Jobs at once; null: as many as the visible GPUs allow with `trainer.devices` for each, without GPUs one."""


for _name, _node in {
    "local": LocalConf,
    "slurm_base": {"_target_": "hydra_plugins.xstilts.launchers.SlurmLauncher"},
    "slurm_local_base": {"_target_": "hydra_plugins.xstilts.launchers.SlurmLocalLauncher"},
}.items():
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="xstilts")


class LocalLauncher(BasicLauncher):
    """Runs each job as a command of its own, `python -m xstilts.train OVERRIDES`, several at once."""

    def __init__(self, processes: int | None) -> None:
        super().__init__()
        self.processes = processes

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        assert self.config is not None
        log_to_stderr()
        if self.processes is not None and self.processes < 1:
            reason = f"hydra.launcher.processes={self.processes}: it must be at least 1, or null for one on each GPU"
            return [lost(overrides, reason) for overrides in job_overrides]
        trainer = first_config(self, job_overrides).trainer
        gpus = (visible_gpus() or []) if trainer.accelerator != "cpu" else []
        environments = places(self.processes, trainer.devices, gpus)
        folder = Path(str(self.config.hydra.sweep.dir)).absolute() / "local"
        commands = [
            Command(tuple(command_line(self, overrides)), folder / f"{initial_job_idx + number}.log")
            for number, overrides in enumerate(job_overrides)
        ]
        earlier = [command.log.stat().st_size if command.log.exists() else 0 for command in commands]
        names, since = distinctive(self, job_overrides), [time.monotonic()] * len(commands)
        returned = [fine(overrides) for overrides in job_overrides]

        def started(number: int, place: int) -> None:
            since[number] = time.monotonic()
            on = "".join(f" on GPU {gpu}" for gpu in environments[place].values())
            log.info(f"job {initial_job_idx + number} starts{on}: {names[number]}; log: {commands[number].log}")

        def ended(number: int, outcome: Outcome) -> None:
            said = commands[number].log, earlier[number]
            returned[number] = result = how_it_ended(job_overrides[number], outcome, *said)
            reason = result._return_value
            how = "ends" if reason is None else "is interrupted" if signals.tells_of_a_stop(str(reason)) else "fails"
            wrong = f": {reason}" if reason is not None else ""
            log.info(f"job {initial_job_idx + number} {how} after {time.monotonic() - since[number]:.0f} s{wrong}")

        run_pool(commands, environments, started, ended)
        return returned


class SlurmLauncher(BaseSubmititLauncher):  # type: ignore[misc]  # comes without types
    """Hands the jobs of a wave to submitit, as one job array, and waits until each has a result or is gone."""

    _EXECUTOR = "slurm"

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        log_to_stderr()
        try:
            jobs = self._submit(job_overrides, initial_job_idx)
        except Exception as error:  # all that sbatch, submitit or OmegaConf have against the settings, for every job
            reason = f"not submitted: {last_line(error)}; the settings are hydra.launcher.*"
            return [lost(overrides, reason) for overrides in job_overrides]
        log.info(f"{len(jobs)} job(s) submitted, from {jobs[0].job_id} on; logs: {jobs[0].paths.folder}")
        names = distinctive(self, job_overrides)
        returned: dict[int, JobReturn] = {}
        try:
            for number in self._finished(jobs):
                returned[number] = result = collected(jobs[number], job_overrides[number], self._state(jobs[number]))
                failed = result.status != JobStatus.COMPLETED or result._return_value is not None
                end = f"fails: {result._return_value}" if failed else f"ends: {names[number]}"
                log.info(f"job {initial_job_idx + number}, {jobs[number].job_id}, {end}")
        except signals.Stopped as stopped:
            self._abandon([job for number, job in enumerate(jobs) if number not in returned])
            for number in set(range(len(jobs))) - set(returned):
                returned[number] = fine(job_overrides[number], str(stopped))
        return [returned[number] for number in range(len(jobs))]

    def _submit(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        """The submitit jobs."""
        import submitit

        first = first_config(self, job_overrides)
        settings: Any = OmegaConf.to_container(first.hydra.launcher, resolve=True)
        del settings["_target_"]
        if first.trainer.accelerator == "cpu":
            settings.pop("gpus_per_node", None)
        folder = Path(settings.pop("submitit_folder")).absolute()
        timeouts = {"slurm_max_num_timeout": settings.pop("max_num_timeout")} if "max_num_timeout" in settings else {}
        executor = submitit.AutoExecutor(folder=folder, cluster=self._EXECUTOR, **timeouts)
        given = {name: value for name, value in settings.items() if value is not None}
        executor.update_parameters(
            **{name if name in SHARED_BY_EXECUTORS else f"{self._EXECUTOR}_{name}": value for name, value in given.items()}
        )
        shared = Singleton.get_state()
        jobs = [
            (list(overrides), "hydra.sweep.dir", number, str(number), shared)
            for number, overrides in enumerate(job_overrides, start=initial_job_idx)
        ]
        with as_from_a_login_node():
            submitted: Sequence[Any] = executor.map_array(self, *zip(*jobs, strict=True))
        return submitted

    def _finished(self, jobs: Sequence[Any]) -> Iterator[int]:
        return waiting.finished(jobs, waiting.queue_of_slurm)

    def _state(self, job: Any) -> str:
        return "" if waiting.has_result(job) else waiting.state_in_slurm(job.job_id)

    def _abandon(self, jobs: Sequence[Any]) -> None:
        """Leave the jobs in the queue: a signal to the sweep ends no job of the cluster."""
        ids = " ".join(job.job_id for job in jobs)
        log.info(f"{len(jobs)} job(s) go on, and the next sweep finds what they make; to end them: scancel {ids}")


class SlurmLocalLauncher(SlurmLauncher):
    """The same with submitit's executor for one machine."""

    _EXECUTOR = "local"

    def _finished(self, jobs: Sequence[Any]) -> Iterator[int]:
        return waiting.finished(jobs, lambda some: {job.job_id for job in some if not job.done()}, ask_s=0)

    def _state(self, job: Any) -> str:
        return ""

    def _abandon(self, jobs: Sequence[Any]) -> None:
        for job in jobs:
            job.cancel()


def first_config(launcher: Any, job_overrides: Sequence[Sequence[str]]) -> DictConfig:
    """The whole config of the first job: what it says about the machine holds for all jobs of a wave."""
    config: DictConfig = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(job_overrides[0]))
    return config


def command_line(launcher: Any, overrides: Sequence[str]) -> list[str]:
    """The command that does one job of a sweep by itself."""
    hydra = launcher.config.hydra
    own = [f"--config-dir={source.path}" for source in hydra.runtime.config_sources if source.provider == "command-line"]
    words = [word for word in (*hydra.overrides.hydra, *overrides) if not word.lstrip("+~").startswith(ABOUT_THE_SWEEP)]
    # A study may say `hydra.mode: MULTIRUN`, and would begin again in each of its jobs.
    program = program_of(launcher.task_function)
    return [sys.executable, *program, f"--config-name={hydra.job.config_name}", *own, *words, "hydra.mode=RUN"]


def program_of(function: Any) -> list[str]:
    """What Python is told to run, so that it runs the program of this function: `-m MODULE`, or its file."""
    if function.__module__ != "__main__":
        return ["-m", function.__module__]
    main = sys.modules["__main__"]
    return ["-m", main.__spec__.name] if main.__spec__ else [str(main.__file__)]


def distinctive(launcher: Any, job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """What tells the jobs apart: their overrides without those that the command line gives to all."""
    common = set(launcher.config.hydra.overrides.task)
    return [" ".join(word for word in overrides if word not in common) for overrides in job_overrides]


def last_line_with(start: str, path: Path, position: int) -> str:
    """The last line that begins with `start`, without it, behind `position` bytes of a log; nothing if there is none."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(position)
        for line in reversed(file.read().decode("utf-8", errors="replace").splitlines()):
            if line.startswith(start):
                return line.removeprefix(start)
    return ""


def how_it_ended(overrides: Sequence[str], outcome: Outcome, path: Path, position: int) -> JobReturn:
    """What a job returns that was a process of its own, whose log begins at `position` of the file."""
    if isinstance(outcome, OSError):
        return lost(overrides, f"lost: could not be started: {outcome}; log: {path}")
    if outcome and (number := signals.stop_signal(outcome)):
        start = f"stopped by {number.name}: "
        return fine(overrides, start + (last_line_with(start, path, position) or signals.FINISHED))
    if outcome and outcome > 0 and (complaint := last_line_with("error: ", path, position)):
        return fine(overrides, f"{complaint}; log: {path}")
    if outcome:
        return lost(overrides, f"lost: {describe_exit(outcome)}; log: {path}")
    return fine(overrides)


def fine(overrides: Sequence[str], reason: str | None = None) -> JobReturn:
    """A job that has ended, and could say itself what went wrong, if anything."""
    return JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=reason)


def collected(job: Any, overrides: Sequence[str], state: str) -> JobReturn:
    """What a job of submitit comes back with; `state`: what became of it, where there is no result."""
    task = job.task(0)
    path = task.paths.stdout  # with stderr_to_stdout, all it said
    if not waiting.has_result(job):
        return lost(overrides, f"lost: {state or 'it is gone'} (job {job.job_id}); log: {path}")
    try:
        returned: JobReturn = task.results()[0]
    except Exception as error:  # what went wrong around the job, on the other machine; or a result that cannot be read
        return lost(overrides, f"lost: {last_line(error)}; log: {path}")
    return returned


def lost(overrides: Sequence[str], reason: str) -> JobReturn:
    """A job that could not say itself what became of it."""
    return JobReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=UserError(reason))


def last_line(error: Exception) -> str:
    """The last line of an error, or of the traceback that submitit wraps in lines of dashes and advice."""
    lines = str(error).strip().partition("You can check full logs")[0].splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip("- ")), type(error).__name__)


@contextlib.contextmanager
def as_from_a_login_node() -> Iterator[None]:
    """A sweep may run in an allocation itself; what that is like must not become part of the jobs that it submits."""
    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    from submitit.helpers import clean_env

    cluster = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with clean_env():
        os.environ.update(cluster)
        yield
