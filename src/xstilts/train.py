"""python -m xstilts.train: run one cell as one Hydra job. A thin driver without torch.

It checks the config, looks up what is missing in the store, and starts `xstilts.worker` for each missing phase.
"""

import logging
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from xstilts.cell.run import run
from xstilts.config import Config
from xstilts.launch.cells import attempt, failures, start, to_schema
from xstilts.launch.entry import entry_point
from xstilts.paths import conf_dir
from xstilts.reporting.views.terminal import show_cell
from xstilts.study.progress import next_step

__all__ = ["cell", "main", "to_schema"]

log = logging.getLogger("xstilts")


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> str | None:
    """Run one cell, alone or as a job of a sweep; return the error message, None on success."""
    return attempt(config, train)


def train(config: Config) -> None:
    """Run a cell and print its result; if it is no job of a sweep, also what to do next."""
    if result := run(config):
        show_cell(result)
        if HydraConfig.get().mode == RunMode.RUN and config.worker != "logged":
            log.info(next_step(config.output))


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    start(cell, sys.argv[1:] if arguments is None else arguments)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
