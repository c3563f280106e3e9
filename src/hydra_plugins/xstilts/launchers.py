"""Hydra launchers whose sweep outlives its jobs: `local` for one machine, `slurm` for a cluster, `slurm_local` to try the latter.

A job returns None if all is well, else a line that says what went wrong and names its log. No job raises an error.

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

from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from xstilts import signals
from xstilts.launch import threads, waiting
from xstilts.launch.cells import log_to_stderr
from xstilts.launch.pool import Command, Outcome, places, run_pool, visible_gpus
from xstilts.launch.process import describe_exit
from xstilts.numbering import counted

log = logging.getLogger("xstilts")

ABOUT_THE_SWEEP = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep.", "hydra.mode")
"""Beginnings of overrides that say nothing to a job by itself."""
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


class SweepLauncher(Launcher):
    """The part that all launchers share: they keep what Hydra gives them."""

    config: DictConfig
    """Config of the sweep; jobs have configs of their own."""
    hydra_context: HydraContext
    task_function: TaskFunction

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context, self.task_function = config, hydra_context, task_function

    def job_config(self, overrides: Sequence[str]) -> DictConfig:
        """Compose the whole config of a job, `hydra` included."""
        config: DictConfig = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        return config


class LocalLauncher(SweepLauncher):
    """Runs each job as a command of its own, `python -m xstilts.train OVERRIDES`, several at once."""

    def __init__(self, processes: int | None) -> None:
        self.processes = processes

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        log_to_stderr()
        if self.processes is not None and self.processes < 1:
            reason = f"hydra.launcher.processes={self.processes}: it must be at least 1, or null for one on each GPU"
            return [returned(overrides, reason) for overrides in job_overrides]
        trainer = self.job_config(job_overrides[0]).trainer  # what it says about the machine holds for all jobs of a wave
        gpus = (visible_gpus() or []) if trainer.accelerator != "cpu" else []
        on_gpus = places(self.processes, trainer.devices, gpus)
        environments = [place | threads.share(len(on_gpus)) for place in on_gpus]
        folder = Path(str(self.config.hydra.sweep.dir)).absolute() / "local"
        commands = [
            Command(tuple(command_line(self, overrides)), folder / f"{initial_job_idx + number}.log")
            for number, overrides in enumerate(job_overrides)
        ]
        earlier = [command.log.stat().st_size if command.log.exists() else 0 for command in commands]
        names, since = distinctive(self, job_overrides), [time.monotonic()] * len(commands)
        reasons: list[str | None] = [None] * len(commands)

        def started(number: int, place: int) -> None:
            since[number] = time.monotonic()
            on = "".join(f" on GPU {gpu}" for gpu in on_gpus[place].values())
            log.info(f"job {initial_job_idx + number} starts{on}: {names[number]}; log: {commands[number].log}")

        def ended(number: int, outcome: Outcome) -> None:
            reasons[number] = reason = reason_of(outcome, commands[number].log, earlier[number])
            how = "ends" if reason is None else "is interrupted" if signals.is_stop_message(reason) else "fails"
            wrong = f": {reason}" if reason is not None else ""
            log.info(f"job {initial_job_idx + number} {how} after {time.monotonic() - since[number]:.0f} s{wrong}")

        run_pool(commands, environments, started, ended)
        return list(map(returned, job_overrides, reasons))


class SlurmLauncher(SweepLauncher):
    """Hands the jobs of a wave to submitit, as one job array, and waits until each has a result or is gone."""

    executor = "slurm"
    """Submitit's name for it."""

    def __init__(self, **settings: Any) -> None:
        """Take any settings; they are read from the config of the first job, where they may refer to its `trainer`."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        log_to_stderr()
        try:
            jobs = self._submit(job_overrides, initial_job_idx)
        except Exception as error:  # all that sbatch, submitit or OmegaConf have against the settings, for every job
            refusal = f"not submitted: {last_line(error)}; the settings are hydra.launcher.*"
            return [returned(overrides, refusal) for overrides in job_overrides]
        log.info(f"{counted(len(jobs), 'job')} submitted, from {jobs[0].job_id} on; logs: {jobs[0].paths.folder}")
        names = distinctive(self, job_overrides)
        reasons: dict[int, str | None] = {}
        try:
            for number in self._finished(jobs):
                reasons[number] = reason = collected(jobs[number], self._state(jobs[number]))
                end = f"ends: {names[number]}" if reason is None else f"fails: {reason}"
                log.info(f"job {initial_job_idx + number}, {jobs[number].job_id}, {end}")
        except signals.Stopped as stopped:
            self._abandon([job for number, job in enumerate(jobs) if number not in reasons])
            reasons |= dict.fromkeys(set(range(len(jobs))) - set(reasons), str(stopped))
        return [returned(overrides, reasons[number]) for number, overrides in enumerate(job_overrides)]

    def __call__(self, overrides: list[str], number: int, shared: Any) -> str | None:
        """Run one job where submitit starts it, and return what went wrong; `shared`: Hydra's state of the sweep's process."""
        import submitit

        Singleton.set_state(shared)
        setup_globals()
        config = self.job_config(overrides)
        with open_dict(config.hydra.job):
            config.hydra.job.id, config.hydra.job.num = submitit.JobEnvironment().job_id, number
        return reason_of_return(
            run_job(
                task_function=self.task_function,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.hydra_context,
            )
        )

    def checkpoint(self, *arguments: Any) -> Any:
        """Submit the same job again when its time is up; its training goes on from its own checkpoint."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, *arguments)

    def _submit(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        """The submitit jobs."""
        import submitit

        first = self.job_config(job_overrides[0])
        settings: Any = OmegaConf.to_container(first.hydra.launcher, resolve=True)
        del settings["_target_"]
        if first.trainer.accelerator == "cpu":
            settings.pop("gpus_per_node", None)
        folder = Path(settings.pop("submitit_folder")).absolute()
        timeouts = {"slurm_max_num_timeout": settings.pop("max_num_timeout")} if "max_num_timeout" in settings else {}
        executor = submitit.AutoExecutor(folder=folder, cluster=self.executor, **timeouts)
        given = {name: value for name, value in settings.items() if value is not None}
        executor.update_parameters(
            **{name if name in SHARED_BY_EXECUTORS else f"{self.executor}_{name}": value for name, value in given.items()}
        )
        shared = Singleton.get_state()
        jobs = [(list(overrides), number, shared) for number, overrides in enumerate(job_overrides, start=initial_job_idx)]
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
        log.info(f"{counted(len(jobs), 'job')} left in the queue, for the next sweep to find; to end them: scancel {ids}")


class SlurmLocalLauncher(SlurmLauncher):
    """Runs the jobs like `slurm`, with submitit's executor for one machine."""

    executor = "local"

    def _finished(self, jobs: Sequence[Any]) -> Iterator[int]:
        return waiting.finished(jobs, lambda some: {job.job_id for job in some if not job.done()}, ask_s=0)

    def _state(self, job: Any) -> str:
        return ""

    def _abandon(self, jobs: Sequence[Any]) -> None:
        for job in jobs:
            job.cancel()


def command_line(launcher: SweepLauncher, overrides: Sequence[str]) -> list[str]:
    """The command that does one job of a sweep by itself."""
    hydra = launcher.config.hydra
    own = [f"--config-dir={source.path}" for source in hydra.runtime.config_sources if source.provider == "command-line"]
    words = [word for word in (*hydra.overrides.hydra, *overrides) if not word.lstrip("+~").startswith(ABOUT_THE_SWEEP)]
    # A study may say `hydra.mode: MULTIRUN`, and would begin again in each of its jobs.
    program = program_of(launcher.task_function)
    return [sys.executable, *program, f"--config-name={hydra.job.config_name}", *own, *words, "hydra.mode=RUN"]


def program_of(function: Any) -> list[str]:
    """Return the arguments of Python that run the program of this function: `-m MODULE`, or its file."""
    if function.__module__ != "__main__":
        return ["-m", function.__module__]
    main = sys.modules["__main__"]
    return ["-m", main.__spec__.name] if main.__spec__ else [str(main.__file__)]


def distinctive(launcher: SweepLauncher, job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """Return the overrides in which the jobs differ: all but those that the command line gives to every job."""
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


def reason_of(outcome: Outcome, path: Path, position: int) -> str | None:
    """Say what went wrong in a job that was a process, whose log begins at `position` of the file; None if nothing did."""
    if isinstance(outcome, OSError):
        return f"lost: could not be started: {outcome}; log: {path}"
    if outcome and (number := signals.stop_signal(outcome)):
        start = f"stopped by {number.name}: "
        return start + (last_line_with(start, path, position) or signals.FINISHED)
    if outcome and outcome > 0 and (complaint := last_line_with("error: ", path, position)):
        return f"{complaint}; log: {path}"
    return f"lost: {describe_exit(outcome)}; log: {path}" if outcome else None


def reason_of_return(job: JobReturn) -> str | None:
    """Say what went wrong in a job that Hydra ran: its own reason, or the error that it raised."""
    try:
        reason: float | str | None = job.return_value
    except ValueError as error:  # UserError is one
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return reason if isinstance(reason, str) else None  # else a score


def collected(job: Any, state: str) -> str | None:
    """Say what went wrong in a job of submitit; `state`: what became of it, where there is no result."""
    task = job.task(0)
    path = task.paths.stdout  # with stderr_to_stdout, all it said
    if not waiting.has_result(job):
        return f"lost: {state or 'it is gone'} (job {job.job_id}); log: {path}"
    try:
        reason: str | None = task.results()[0]
    except Exception as error:  # what went wrong around the job, on the other machine; or a result that cannot be read
        return f"lost: {last_line(error)}; log: {path}"
    return reason


def returned(overrides: Sequence[str], reason: str | None) -> JobReturn:
    """Hydra's form of a job's end."""
    job = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    job.return_value = reason
    return job


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
