"""python -m xstilts.train: one Hydra job = one cell. A thin driver without torch.

It checks the config, asks the store what is missing, and has each missing phase done by `xstilts.worker`.
"""

import logging
import sys
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from xstilts import config as schema
from xstilts.checks import check
from xstilts.errors import UserError
from xstilts.launch import searchpath
from xstilts.launch.commandline import check_command_line
from xstilts.paths import conf_dir
from xstilts.pipeline import WorkerRefused, run
from xstilts.reporting.table import show

failures: list[str] = []


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> None:
    """One cell, or one job of a sweep; a user's mistake is one line, and the sweep goes on with the next cell."""
    _log_to_stderr()
    try:
        typed = to_schema(config)
        check(typed)
        show(run(typed))
    except UserError as error:
        if not isinstance(error, WorkerRefused):
            complain(error)
        failures.append(str(error))
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            sys.exit(2)


def to_schema(config: DictConfig) -> schema.Config:
    """The composed config as dataclasses; keys that the schema does not know were added with a plus and are refused."""
    known = {name for name in schema.Config.__dataclass_fields__}
    for key in map(str, config):
        if key not in known:
            raise UserError(f"unknown option '{key}': the schema has {', '.join(sorted(known))}")
    if OmegaConf.is_missing(config.target.task, "name"):
        raise UserError("no target task: type +target=NAME, for instance +target=xnli (`--help` lists all)")
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, schema.Config)
    return typed


def complain(error: UserError) -> None:
    """One line on stderr for each problem."""
    for line in str(error).splitlines():
        sys.stderr.write(f"error: {line}\n")


def _log_to_stderr() -> None:
    log = logging.getLogger("xstilts")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def main(arguments: list[str] | None = None) -> Any:
    """The entry point."""
    schema.register()
    searchpath.register()
    try:
        check_command_line(sys.argv[1:] if arguments is None else arguments, "train")
    except UserError as error:
        complain(error)
        sys.exit(2)
    cell()
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
