"""Hydra's sweeper `waves`: a grid's artifacts first, each once, then its evaluations, with any launcher.

Hydra knows no dependencies among jobs; the waves of `xstilts.study.grid` give it only jobs that need nothing of each other.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf, open_dict


@dataclass
class WavesConf:
    """Options of the sweeper."""

    _target_: str = "hydra_plugins.xstilts.sweeper.WaveSweeper"
    params: dict[str, str] | None = None
    """The grid: override -> its values, as on the command line."""
    alternatives: dict[str, list[str]] | None = None
    """Of one more axis of the grid, whose points are several overrides each: name -> overrides. The name becomes that of the
    intermediate choice. Who chooses `+intermediate` on the command line has no alternatives."""
    only: list[str] | None = None
    """These alternatives alone."""
    waves: bool = True
    """false: all cells at once, each with all that it needs; for what trains nothing that cells could share."""
    only_plan: bool = False
    """Show the waves and run nothing."""


ConfigStore.instance().store(group="hydra/sweeper", name="waves", node=WavesConf, provider="xstilts")


class WaveSweeper(BasicSweeper):
    """As Hydra's own for what is a grid, and with waves of jobs instead of one batch."""

    def __init__(
        self,
        params: dict[str, str] | None,
        alternatives: dict[str, list[str]] | None,
        only: list[str] | None,
        waves: bool,
        only_plan: bool,
    ) -> None:
        super().__init__(max_batch_size=None, params=params)
        self.only, self.waves, self.only_plan = only, waves, only_plan

    def sweep(self, arguments: list[str]) -> Any:
        assert self.config is not None and self.hydra_context is not None
        from xstilts import signals
        from xstilts.cell.checks.places import cannot_be_made
        from xstilts.errors import UserError
        from xstilts.launch.arguments import quoted
        from xstilts.launch.cells import log_to_stderr
        from xstilts.launch.fitting import fitted
        from xstilts.study import sweep

        log_to_stderr()
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*map(quoted, self._parse_config()), *arguments])
        chosen = any(override.key_or_group == "intermediate" for override in overrides)
        axis = [()] if chosen else self._axis()
        cells = self.split_arguments(overrides, None)[0]
        options = list(dict.fromkeys(word for cell in cells for word in cell))
        grid = fitted(((*alternative, *cell) for alternative, cell in itertools.product(axis, cells)), options, self._composed)
        if not grid:
            raise UserError("the grid has no cells: an option has no value")
        if self.only_plan:
            sweep.show_plan(grid, self._composed)
            return None
        if problem := cannot_be_made(Path(self.config.hydra.sweep.dir)):
            raise UserError(f"hydra.sweep.dir={self.config.hydra.sweep.dir}: {problem}")
        if not self.waves:
            assert self.launcher is not None
            self._keep_config()
            returned = [job.return_value for job in self.launcher.launch(grid, initial_job_idx=0)]  # raises what a job has raised
            signals.stop_if_received()
            return returned
        choices = self.config.hydra.runtime.choices
        experiment = choices.get("experiments") or ""
        return sweep.run(grid, self._composed, self._launched(), choices["hydra/launcher"], experiment)

    def _axis(self) -> list[tuple[str, ...]]:
        """The overrides of each alternative; of none, one point without any."""
        from xstilts.errors import UserError, unknown_name

        assert self.config is not None
        # As they are written: what refers to another option is of each cell, and not of the study.
        written: Any = OmegaConf.to_container(self.config.hydra.sweeper, resolve=False)
        alternatives: dict[str, list[str]] = written["alternatives"] or {}
        known = list(alternatives)
        for name in self.only or []:
            if name not in known:
                raise UserError(unknown_name("alternative in hydra.sweeper.only", name, known))
        names = known if self.only is None else self.only
        return [(*alternatives[name], f"intermediate.name={name}") for name in names] or [()]

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        from xstilts.launch.wording import plain_errors

        assert self.hydra_context is not None and self.config is not None
        with plain_errors():
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            del config["hydra"]  # as the job sees it
        return config

    def _launched(self) -> Any:
        """Runs jobs and says of each what went wrong; jobs are numbered through all waves."""
        started = 0

        def launch(jobs: Sequence[Sequence[str]]) -> list[str | None]:
            nonlocal started
            assert self.launcher is not None
            if not started:
                self._keep_config()
            returned = self.launcher.launch(jobs, initial_job_idx=started)
            started += len(jobs)
            return [_reason(job) for job in returned]

        return launch

    def _keep_config(self) -> None:
        """Write the sweep's own config into its folder, as Hydra's sweepers do."""
        from xstilts.store.files import disk_full_means

        assert self.config is not None
        folder = Path(self.config.hydra.sweep.dir)
        with disk_full_means(folder):
            folder.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(self.config, folder / "multirun.yaml")


def _reason(job: JobReturn) -> str | None:
    value = job._return_value  # `return_value` would raise the job's exception, and end the sweep
    if job.status == JobStatus.COMPLETED:
        return value
    return f"{type(value).__name__}: {value}" if not isinstance(value, ValueError) else str(value)
