"""Shared by all commands that run cells: command line, typed config, and messages about mistakes."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from xstilts import config as schema
from xstilts import signals
from xstilts.errors import AlreadyReported, UserError, print_error
from xstilts.launch import arguments, helptext, streams
from xstilts.launch.commandline import check_command_line
from xstilts.launch.fitting import of_cells
from xstilts.launch.slurm import is_extra_task
from xstilts.launch.wording import plain, plain_errors
from xstilts.sources.generated import resolve_generated
from xstilts.sources.labels import resolve_labels
from xstilts.store.files import disk_full_as_user_error
from xstilts.store.validation import NO_VALIDATION

failures: list[str] = []
"""The error of each failed cell of this process."""
begun: list[bool] = []
"""Not empty once Hydra has handed a config to us: until then, what goes wrong is the command line's fault."""


def attempt(
    config: DictConfig, action: Callable[[schema.Config], float | None], only_pretraining: bool = False
) -> float | str | None:
    """Do the action with one cell, or one job of a sweep; a user's mistake is one line, and the sweep goes on.

    Returns what `action` returned, or what went wrong: to a sweep, whose jobs may run in other processes and on other machines.
    A sweeper of others, which searches for the best score, gets what went wrong as a UserError instead. Of a job with several
    tasks, one on each node, only the first does anything: it starts the ranks of all nodes. After a stop signal no job of a sweep
    begins any more.
    """
    begun.append(True)
    streams.prepare()
    log_to_stderr()
    if is_extra_task() or signals.received:
        return None
    try:
        cell = to_schema(config, only_pretraining)
        with disk_full_as_user_error(Path(cell.output)):
            score = action(cell)
        if score is None and in_search():
            raise UserError(NO_VALIDATION)
        return score
    except signals.Stopped as stopped:
        if HydraConfig.get().mode != RunMode.MULTIRUN or in_search():
            raise
        return str(stopped)
    except UserError as error:
        if not isinstance(error, AlreadyReported):
            print_error(error)
        failures.append(str(error))
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            sys.exit(2)
        if in_search():
            raise
        return str(error)


def in_search() -> bool:
    """Return whether this is a job of a sweeper other than ours, which searches for the best score."""
    hydra = HydraConfig.get()
    return hydra.mode == RunMode.MULTIRUN and hydra.runtime.choices["hydra/sweeper"] != "waves"


def to_schema(config: DictConfig, only_pretraining: bool = False) -> schema.Config:
    """The composed config as dataclasses; keys that the schema does not know were added with a plus and are refused.

    With `only_pretraining` there are no further phases, and the text stands for the target.
    """
    known = set(schema.Config.__dataclass_fields__)
    for key in map(str, config):
        if key not in known:
            raise UserError(f"unknown option '{key}': the schema has {', '.join(sorted(known))}")
    with plain_errors():
        if only_pretraining:
            _without_target(config)
        if OmegaConf.is_missing(config.target.task, "name"):
            raise UserError("no target task: type +target=NAME, for instance +target=xnli (`--help` lists all)")
        if missing := sorted(OmegaConf.missing_keys(config)):
            raise UserError("\n".join(f"{name}: no value, and there is no default for it: type {name}=VALUE" for name in missing))
        typed = OmegaConf.to_object(config)
    assert isinstance(typed, schema.Config)
    if typed.target.head == "given":
        typed.target.training = {}
    phase = typed.intermediate
    for training in phase.tasks.values():
        if training.max_examples is None and training.fraction is None:
            training.max_examples = phase.max_examples
        training.draw = training.draw if phase.draw is None else phase.draw
        training.parallel = training.parallel or phase.parallel
    resolve_generated(typed)
    resolve_labels(typed)
    return typed


def _without_target(config: DictConfig) -> None:
    """Leave phase 1 alone; its text stands for the target."""
    if not config.pretraining.tasks:
        raise UserError("no text to pretrain on: type pretraining=mlm")
    text = next(iter(config.pretraining.tasks.values())).task
    config.intermediate, config.target = schema.Intermediate(), schema.Target()
    config.target.task = text


def exit_code() -> int:
    """Return the exit code of a command whose cells run in this process: 2 if all were refused, 1 if some."""
    return 0 if not failures else 2 if len(failures) >= len(begun) else 1


class StandardErrorHandler(logging.Handler):
    """Write to what `sys.stderr` is when a message comes: notebooks and tests replace it and close the old one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # as in every handler of the standard library, a message that cannot be written stops no work
            self.handleError(record)


def log_to_stderr() -> None:
    """Send the messages of xstilts to standard error, without a prefix."""
    log = logging.getLogger("xstilts")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        handler = StandardErrorHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)


def start(command: Callable[[], Any], words: list[str], about: str | None = None, added: Sequence[str] = ()) -> None:
    """Check the command line and let Hydra run the command's cell or cells; UserError for all that is wrong with it.

    `about`: what `--help` says of the command, where it is not `train`; `added`: overrides of the command's own.
    """
    failures.clear()
    begun.clear()
    given = arguments.read(words)
    if given.help:
        sys.stdout.write(helptext.text(given, about))
        return
    schema.register(*[Path(given.config_dir)] if given.config_dir else [])
    check_command_line(given, "train")
    overrides = of_cells(given.overrides) if given.multirun else given.overrides
    sys.argv = [sys.argv[0], *given.flags, *overrides, *added]  # what Hydra reads
    with raised_by_hydra(given):
        command()


@contextlib.contextmanager
def raised_by_hydra(given: arguments.Arguments) -> Iterator[None]:
    """Have Hydra raise what goes wrong, instead of printing it in its own words, and raise that as UserError."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with plain_errors():
            yield
    except SystemExit as end:
        if given.cfg and end.code == 1:  # a --package that is not there: Hydra has said so
            raise SystemExit(2) from None
        raise
    except UserError:
        raise
    except Exception as error:  # of all kinds: Hydra does not check its own options
        own = given.flags if given.shows else [word for word in given.overrides if word.lstrip("+~").startswith("hydra")]
        if begun or not own:
            raise
        reason = f": {plain(error)}" if isinstance(error, OSError) else ", in which a value is missing or of the wrong kind"
        raise UserError(f"Hydra cannot work with {' '.join(own)}{reason}") from None
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before
