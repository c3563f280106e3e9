"""What every command that takes a cell's overrides shares: the command line, the typed config, and how a mistake is told."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from xstilts import config as schema
from xstilts import signals
from xstilts.errors import ToldAlready, UserError, complain
from xstilts.launch import composition, helptext, searchpath, streams
from xstilts.launch.commandline import check_command_line
from xstilts.launch.slurm import is_extra_task
from xstilts.sources.generated import resolve_generated
from xstilts.sources.labels import resolve_labels
from xstilts.store.files import disk_full_means

failures: list[str] = []
"""What went wrong in each cell of this process."""


def attempt(config: DictConfig, action: Callable[[schema.Config], Any], only_pretraining: bool = False) -> str | None:
    """Do the action with one cell, or one job of a sweep; a user's mistake is one line, and the sweep goes on.

    Returns what went wrong: to a sweep, whose jobs may run in other processes and on other machines. Of a job with several
    tasks, one on each node, only the first does anything: it starts the ranks of all nodes. After a stop signal no job of a sweep
    begins any more.
    """
    streams.prepare()
    log_to_stderr()
    if is_extra_task() or signals.received:
        return None
    try:
        cell = to_schema(config, only_pretraining)
        with disk_full_means(Path(cell.output)):
            action(cell)
    except signals.Stopped as stopped:
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            raise
        return str(stopped)
    except UserError as error:
        if not isinstance(error, ToldAlready):
            complain(error)
        failures.append(str(error))
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            sys.exit(2)
        return str(error)
    return None


def to_schema(config: DictConfig, only_pretraining: bool = False) -> schema.Config:
    """The composed config as dataclasses; keys that the schema does not know were added with a plus and are refused.

    With `only_pretraining` there are no further phases, and the text stands for the target.
    """
    known = {name for name in schema.Config.__dataclass_fields__}
    for key in map(str, config):
        if key not in known:
            raise UserError(f"unknown option '{key}': the schema has {', '.join(sorted(known))}")
    if only_pretraining:
        if not config.pretraining.tasks:
            raise UserError("no text to pretrain on: type pretraining=mlm")
        text = next(iter(config.pretraining.tasks.values())).task
        config.intermediate, config.target = schema.Intermediate(), schema.Target()
        config.target.task = text
    if OmegaConf.is_missing(config.target.task, "name"):
        raise UserError("no target task: type +target=NAME, for instance +target=xnli (`--help` lists all)")
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, schema.Config)
    resolve_generated(typed)
    resolve_labels(typed)
    return typed


def log_to_stderr() -> None:
    """Our own messages, as they are."""
    log = logging.getLogger("xstilts")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def start(command: Callable[[], Any], arguments: list[str], about: str | None = None) -> None:
    """Check the command line and let Hydra run the command's cell or cells; a wrong name ends the process with code 2.

    `about`: what `--help` says of the command, where it is not `train`.
    """
    failures.clear()
    if helptext.asked_for(arguments):
        sys.stdout.write(helptext.text(arguments, about))
        return
    schema.register()
    composition.install()
    searchpath.register()
    try:
        check_command_line(arguments, "train")
    except UserError as error:
        complain(error)
        sys.exit(2)
    sys.argv = [sys.argv[0], *arguments]  # what Hydra reads
    command()
