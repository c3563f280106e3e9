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
from xstilts.launch.cells import attempt, failures, in_search, start, to_schema
from xstilts.launch.entry import entry_point
from xstilts.paths import conf_dir
from xstilts.reporting.views.terminal import show_cell
from xstilts.store.validation import validation_score
from xstilts.study.progress import next_step

__all__ = ["cell", "main", "to_schema"]

log = logging.getLogger("xstilts")


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> float | str | None:
    """Run one cell, alone or as a job of a sweep; return its validation score if it has one, or the error message."""
    return attempt(config, train)


def train(config: Config) -> float | None:
    """Run a cell, print its result and return its validation score; if it is no job of a sweep, print also what to do next."""
    if not (result := run(config, scored=in_search())):
        return None
    show_cell(result)
    if HydraConfig.get().mode == RunMode.RUN and config.worker != "logged":
        log.info(next_step(config.output))
    return validation_score(result)


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    start(cell, sys.argv[1:] if arguments is None else arguments)
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
