"""Hydra's sweeper `waves`: a grid's artifacts first, each once, then its evaluations, with any launcher.

Hydra knows no dependencies among jobs; the waves of `xstilts.study.grid` give it only jobs that need nothing of each other.
"""

import copy
import itertools
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

log = logging.getLogger("xstilts")

SEED = "seed="
PROGRESS_SECONDS = 5.0
"""Between two lines that say how many configs are composed."""


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


@dataclass
class Progress:
    """Shows on standard error how far the planning of a grid has come, every few seconds."""

    expected: int = 0
    """Configs to compose in all; 0: not known yet, and nothing is shown."""
    done: int = 0
    shown: float = field(default_factory=time.monotonic)

    def step(self) -> None:
        """Count one config that is about to be composed."""
        if self.expected and time.monotonic() - self.shown >= PROGRESS_SECONDS:
            log.info(f"composed {self.done} of {self.expected} configs")
            self.shown = time.monotonic()
        self.done += bool(self.expected)


class WaveSweeper(Sweeper):
    """Reads a grid as Hydra's own sweeper does, and runs it in waves of jobs instead of one batch."""

    config: DictConfig
    """Of the sweep; cells have configs of their own."""
    hydra_context: HydraContext
    launcher: Launcher

    def __init__(
        self,
        params: dict[str, str] | None,
        alternatives: dict[str, list[str]] | None,
        only: list[str] | None,
        waves: bool,
        only_plan: bool,
    ) -> None:
        self.params = params or {}
        self.only, self.waves, self.only_plan = only, waves, only_plan
        self.composed: tuple[tuple[str, ...], DictConfig] | None = None
        """The last cell's overrides without the seed, and their config."""
        self.progress = Progress()

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        from xstilts import signals
        from xstilts.cell.checks.places import cannot_be_made
        from xstilts.errors import UserError
        from xstilts.launch.arguments import quoted
        from xstilts.launch.cells import begun, failures, log_to_stderr
        from xstilts.launch.fitting import fitted
        from xstilts.study import sweep

        log_to_stderr()
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        study = [quoted(f"{key}={values}") for key, values in self.params.items()]
        overrides = parser.parse_overrides([*study, *arguments])
        chosen = any(override.key_or_group == "intermediate" for override in overrides)
        axis = [()] if chosen else self._axis()
        cells = points(overrides)
        options = list(dict.fromkeys(word for cell in cells for word in cell))
        grid = fitted(((*alternative, *cell) for alternative, cell in itertools.product(axis, cells)), options, self._composed)
        self.progress.expected = len({split_seed(cell)[0] for cell in grid})
        if not grid:
            raise UserError("the grid has no cells: an option has no value")
        if self.only_plan:
            sweep.show_plan(grid, self._composed)
            return None
        if problem := cannot_be_made(Path(self.config.hydra.sweep.dir)):
            raise UserError(f"hydra.sweep.dir={self.config.hydra.sweep.dir}: {problem}")
        if not self.waves:
            self._keep_config()
            reasons = [job.return_value for job in self.launcher.launch(grid, initial_job_idx=0)]  # raises what a job has raised
            signals.stop_if_received()
            begun.extend([True] * (len(grid) - len(begun)))  # jobs in other processes are not counted there
            failures.extend(reason for reason in reasons if reason and reason not in failures)
            return reasons
        choices = self.config.hydra.runtime.choices
        experiment = choices.get("experiments") or ""
        return sweep.run(grid, self._composed, self._launched(), choices["hydra/launcher"], experiment)

    def _axis(self) -> list[tuple[str, ...]]:
        """The overrides of each alternative; of none, one point without any."""
        from xstilts.errors import UserError, unknown_name

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
        """The config of a cell as its job sees it. Cells that follow each other and differ in the seed share one composition."""
        from xstilts.launch.wording import plain_errors

        chosen, seed = split_seed(overrides)
        with plain_errors():
            if self.composed is None or self.composed[0] != chosen:
                self.progress.step()
                config = self.hydra_context.config_loader.load_sweep_config(self.config, list(chosen))
                with open_dict(config):
                    del config["hydra"]
                self.composed = chosen, config
            config = copy.deepcopy(self.composed[1])
            if seed:
                OmegaConf.update(config, "seed", OverridesParser.create().parse_override(seed).value())
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


def points(overrides: Iterable[Override]) -> list[tuple[str, ...]]:
    """Every combination of the overrides' values, the seeds of a cell side by side; of two for one option the later counts."""
    axes: dict[str, list[str]] = {}
    for override in overrides:
        key = override.get_key_element()
        values = override.sweep_string_iterator() if override.is_sweep_override() else [override.get_value_element_as_str()]
        axes[key] = [f"{key}={value}" for value in values]
    if "seed" in axes:
        axes["seed"] = axes.pop("seed")  # the last one varies fastest
    return list(itertools.product(*axes.values()))


def split_seed(overrides: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The overrides without the seed's, and the seed's, empty if there is none."""
    seeds = [word for word in overrides if word.startswith(SEED)]
    return tuple(word for word in overrides if word not in seeds), seeds[-1] if seeds else ""
