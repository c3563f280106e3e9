"""Hydra's sweeper `waves`: a grid's artifacts first, each once, then its evaluations, with any launcher.

Hydra knows no dependencies among jobs; the waves of `xstilts.study.grid` give it only jobs that need nothing of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


@dataclass
class WavesConf:
    """Options of the sweeper."""

    _target_: str = "hydra_plugins.xstilts.sweeper.WaveSweeper"
    params: dict[str, str] | None = None
    """The grid: override -> its values, as on the command line."""
    alternatives: dict[str, list[str]] | None = None
    """One more axis of the grid, whose points are several overrides each: name -> overrides. The name becomes that of the
    intermediate choice. Who chooses `+intermediate` on the command line has no alternatives."""
    only: list[str] | None = None
    """These alternatives alone."""
    optional: list[str] | None = None
    """Names of alternatives, `*` for any text, that are left out if their data does not exist; not if `only` names them."""
    waves: bool = True
    """false: all cells at once, each with all that it needs; for what trains nothing that cells could share."""
    only_plan: bool = False
    """Show the waves and run nothing."""


ConfigStore.instance().store(group="hydra/sweeper", name="waves", node=WavesConf, provider="xstilts")


class WaveSweeper(Sweeper):
    """Reads a grid as Hydra's own sweeper does, and runs it in waves of jobs instead of one batch."""

    config: DictConfig
    """Config of the sweep; cells have configs of their own."""
    hydra_context: HydraContext
    launcher: Launcher

    def __init__(
        self,
        params: dict[str, str] | None,
        alternatives: dict[str, list[str]] | None,
        only: list[str] | None,
        optional: list[str] | None,
        waves: bool,
        only_plan: bool,
    ) -> None:
        """`params`, `alternatives`, `only` and `optional` are read from the config, as they are written there."""
        self.waves, self.only_plan = waves, only_plan

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from xstilts import signals
        from xstilts.cell.checks.places import cannot_be_made
        from xstilts.errors import UserError
        from xstilts.launch import points
        from xstilts.launch.cells import begun, failures, log_to_stderr
        from xstilts.study import optional, sweep

        log_to_stderr()
        compose = points.Composer(self._composed)
        grid = points.cells(self.config.hydra.sweeper, arguments, compose, self.hydra_context.config_loader)
        if self.config.hydra.sweeper.only is None:
            grid = optional.without_impossible(grid, compose, self.config.hydra.sweeper.optional or [])
        study = points.study_file(self.config)
        if self.only_plan:
            sweep.show_plan(grid, compose, study)
            return None
        if problem := cannot_be_made(Path(self.config.hydra.sweep.dir)):
            raise UserError(f"hydra.sweep.dir={self.config.hydra.sweep.dir}: {problem}")
        if not self.waves:
            self._keep_config()
            reasons = [job.return_value for job in self.launcher.launch(grid, initial_job_idx=0)]  # raises what a job has raised
            signals.stop_if_received()
            begun.extend([True] * (len(grid) - len(begun)))  # jobs in other processes are not counted there
            failures.extend(reason for reason in reasons if isinstance(reason, str) and reason not in failures)
            return reasons
        launcher = self.config.hydra.runtime.choices["hydra/launcher"]
        return sweep.run(grid, compose, self._launched(), launcher, study)

    def _composed(self, overrides: list[str]) -> DictConfig:
        """The config of a cell as its job sees it."""
        config: DictConfig = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            del config["hydra"]
        return config

    def _launched(self) -> Any:
        """Runs jobs and says of each what went wrong; jobs are numbered through all waves."""
        from hydra_plugins.xstilts.launchers import reason_of_return

        started = 0

        def launch(jobs: Sequence[Sequence[str]]) -> list[str | None]:
            nonlocal started
            if not started:
                self._keep_config()
            returned = self.launcher.launch(jobs, initial_job_idx=started)
            started += len(jobs)
            return [reason_of_return(job) for job in returned]

        return launch

    def _keep_config(self) -> None:
        """Write the sweep's own config into its folder, as Hydra's sweepers do."""
        from xstilts.store.files import disk_full_as_user_error

        folder = Path(self.config.hydra.sweep.dir)
        with disk_full_as_user_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(self.config, folder / "multirun.yaml")
