"""The cells of a grid: every combination of the values on the command line and in a study, and their configs."""

import copy
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from xstilts.errors import UserError, unknown_name
from xstilts.launch.arguments import quoted
from xstilts.launch.fitting import fitted
from xstilts.launch.wording import plain_errors
from xstilts.numbering import counted

log = logging.getLogger("xstilts")

SEED = "seed="
PROGRESS_SECONDS = 5.0
"""Between two lines that say how many configs are composed."""


@dataclass(frozen=True)
class StudyFile:
    """A study file, as far as a sweep of its grid needs it; everything is empty for a grid without one."""

    name: str = ""
    path: Path | None = None
    choices: tuple[str, ...] = ()
    """Names of intermediate choices that its grid has, whatever part of it is run."""
    targets: tuple[str, ...] = ()


class Composer:
    """Composes the configs of cells. Cells that follow each other and differ in the seed share one composition.

    Every few seconds a line on standard error shows how many are done, once `expected` is set.
    """

    def __init__(self, compose: Callable[[list[str]], DictConfig]) -> None:
        self.compose = compose
        self.expected = 0
        """Configs to compose in all; 0: not known yet."""
        self.done = 0
        self.shown = time.monotonic()
        self.last: tuple[tuple[str, ...], DictConfig] | None = None
        """The last cell's overrides without the seed, and their config."""

    def __call__(self, overrides: Sequence[str]) -> DictConfig:
        chosen, seed = split_seed(overrides)
        with plain_errors():
            if self.last is None or self.last[0] != chosen:
                self._count()
                self.last = chosen, self.compose(list(chosen))
            config = copy.deepcopy(self.last[1])
            if seed:
                OmegaConf.update(config, "seed", OverridesParser.create().parse_override(seed).value())
        return config

    def _count(self) -> None:
        if self.done < self.expected and time.monotonic() - self.shown >= PROGRESS_SECONDS:
            log.info(f"composed {self.done} of {counted(self.expected, 'config')}")
            self.shown = time.monotonic()
        self.done += bool(self.expected)


def cells(sweeper: DictConfig, words: Sequence[str], composer: Composer, loader: ConfigLoader) -> list[tuple[str, ...]]:
    """The overrides of every cell of a grid, each cell once.

    `sweeper`: the options of `hydra.sweeper`, which a study sets; `words`: the command line's overrides; `loader`: lists the
    choices of a group for a glob. UserError for a grid without cells, and for an alternative or an option that fits none.
    """
    written: Any = OmegaConf.to_container(sweeper, resolve=False)
    # Resolved with the options of the study, but for the seed, which is that of each cell.
    study = {key: of if "${seed}" in str(of) else sweeper.params[key] for key, of in (written["params"] or {}).items()}
    parser = OverridesParser.create(config_loader=loader)
    overrides = parser.parse_overrides([*(quoted(f"{key}={values}") for key, values in study.items()), *words])
    declared = set(study) - {override.get_key_element() for override in overrides[len(study) :]}
    chosen = any(override.key_or_group == "intermediate" for override in overrides)
    axis = [()] if chosen else _alternatives(sweeper)
    found = points(overrides)
    options = list(dict.fromkeys(word for cell in found for word in cell))
    grid = fitted(((*alternative, *cell) for alternative, cell in itertools.product(axis, found)), options, composer, declared)
    if not grid:
        raise UserError("the grid has no cells: an option has no value")
    composer.expected = len({split_seed(cell)[0] for cell in grid})
    return grid


def study_file(config: DictConfig) -> StudyFile:
    """Describe the study file of a sweep; `config` is Hydra's whole config of it."""
    hydra = config.hydra
    params: dict[str, Any] = hydra.sweeper.params or {}

    def listed(group: str) -> tuple[str, ...]:
        return tuple(
            name.strip() for key in (group, f"+{group}") for name in str(params.get(key) or "").split(",") if name.strip()
        )

    runtime = hydra.get("runtime") or {}
    name = (runtime.get("choices") or {}).get("experiments") or ""
    folders = [Path(str(source.path)) for source in runtime.get("config_sources") or () if source.schema == "file"]
    path = next((path for folder in folders if (path := folder / "experiments" / f"{name}.yaml").is_file()), None)
    return StudyFile(name, path, (*(hydra.sweeper.alternatives or {}), *listed("intermediate")), listed("target"))


def _alternatives(sweeper: DictConfig) -> list[tuple[str, ...]]:
    """The overrides of each alternative of a study; without alternatives, one point without any."""
    # As they are written: what refers to another option is of each cell, and not of the study.
    written: Any = OmegaConf.to_container(sweeper, resolve=False)
    alternatives: dict[str, list[str]] = written["alternatives"] or {}
    known, only = list(alternatives), written["only"]
    for name in only or []:
        if name not in known:
            raise UserError(unknown_name("alternative in hydra.sweeper.only", name, known))
    names = known if only is None else only
    return [(*alternatives[name], f"intermediate.name={name}") for name in names] or [()]


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
