"""Hydra's sweeper `waves`: a grid's artifacts first, each once, then its evaluations, with any launcher.

Hydra knows no dependencies among jobs; the waves of `xstilts.grid` give it only jobs that need nothing of each other.
"""

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
    only_plan: bool = False
    """Show the waves and run nothing."""


ConfigStore.instance().store(group="hydra/sweeper", name="waves", node=WavesConf, provider="xstilts")


class WaveSweeper(BasicSweeper):
    """As Hydra's own for what is a grid, and with waves of jobs instead of one batch."""

    def __init__(self, params: dict[str, str] | None, only_plan: bool) -> None:
        super().__init__(max_batch_size=None, params=params)
        self.only_plan = only_plan

    def sweep(self, arguments: list[str]) -> Any:
        assert self.config is not None and self.hydra_context is not None
        from xstilts import sweep

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        grid = [tuple(cell) for cell in self.split_arguments(overrides, None)[0]]
        if self.only_plan:
            sweep.show_plan(grid, self._composed)
            return None
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        return sweep.run(grid, self._composed, self._launched(), self.config.hydra.runtime.choices["hydra/launcher"])

    def _composed(self, overrides: Sequence[str]) -> DictConfig:
        assert self.hydra_context is not None and self.config is not None
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
            returned = self.launcher.launch(jobs, initial_job_idx=started)
            started += len(jobs)
            return [_reason(job) for job in returned]

        return launch


def _reason(job: JobReturn) -> str | None:
    value = job._return_value  # `return_value` would raise the job's exception, and end the sweep
    if job.status == JobStatus.COMPLETED:
        return value
    return f"{type(value).__name__}: {value}" if not isinstance(value, ValueError) else str(value)
