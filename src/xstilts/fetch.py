"""python -m xstilts.fetch: what the same options of `train` need, downloaded, checked and prepared ahead. Trains nothing.

For a grid: on a machine with a network `python -m xstilts.fetch -m +experiments=NAME`, then the jobs with HF_HUB_OFFLINE=1. It
ends with a table of what is ready and what is missing. The exit code is 1 if anything is missing, and 2 if data is wrong.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hydra
from omegaconf import DictConfig

from xstilts import sources
from xstilts.cell import inputs, pipeline
from xstilts.cell.checks import check
from xstilts.cell.planning import Phase
from xstilts.config import Config
from xstilts.errors import UserError, complain, several
from xstilts.jobs import TokenizerJob
from xstilts.launch.cells import attempt, exit_code, start
from xstilts.launch.entry import entry_point
from xstilts.paths import conf_dir
from xstilts.store.artifacts import is_done
from xstilts.tasks.declaration import Task

READY, WRONG = "ready", "wrong: "
found: dict[tuple[str, str], str] = {}
"""(Kind, name) of all that the cells need -> `ready` and how much it is, or what is wrong with it."""
wrong: dict[str, list[str]] = {}
"""Problems of the data that was read, by the split's mark."""
tried: set[str] = set()
"""What exactly was tried; two things of a grid may have one name in the table."""


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> None:
    """One cell, or one job of a sweep."""
    attempt(config, fetch)


def fetch(config: Config) -> None:
    """Bring what one cell needs to this disk, and note in `found` what came of it."""
    check(config)
    before = set(found)
    config = replace(config, store=replace(config.store, refresh="never"))
    model = config.model
    names = "+".join(dict.fromkeys(name for name in (model.name_or_path or "tiny", model.tokenizer) if name))
    note("model", names, repr(model), lambda: _model(config))
    for item in inputs.wanted(config):
        languages = "all languages" if item.languages is None else " ".join(item.languages)
        name = f"{item.task.name} {item.split}, {languages}"
        note("data", name, repr((item, config.data)), lambda item=item: _data(config, item))  # type: ignore[misc]
    if all(state.startswith(READY) for key, state in found.items() if key not in before):
        planned = pipeline.plan(config)
        if _read(planned, config):
            _features(planned, config)


def note(kind: str, name: str, exactly: str, action: Callable[[], str]) -> None:
    """Do what one thing needs, unless it was done before; of two with one name, the one that is missing is shown."""
    if kind + exactly in tried:
        return
    tried.add(kind + exactly)
    try:
        state = f"{READY}, {action()}"
    except UserError as error:
        state = f"missing: {error}"
    if found.get((kind, name), READY).startswith(READY):
        found[kind, name] = state


def _model(config: Config) -> str:
    model = inputs.local_model(config)
    return " and ".join(dict.fromkeys(place for place in (model.name_or_path, model.tokenizer) if place))


def _data(config: Config, item: inputs.Wanted) -> str:
    task: Task = item.task
    inputs.download(config, item)
    languages = item.languages or sources.languages_with_data(task, config.data, item.split)
    files: set[Path] = set()
    for language in languages:
        files |= set(sources.require(task, config.data, item.split, language).values())
    size = sum(path.stat().st_size for path in files)
    return f"{len(languages)} language(s), {len(files)} file(s), {size / 1e6:.1f} MB" if files else "no such split, left out"


def _read(planned: pipeline.Cell, config: Config) -> bool:
    """Read all data of the cell that was not read before; True if nothing is wrong with it."""
    needed = pipeline.unread_data(planned, config)
    splits = [split for split in needed if split.mark not in wrong]
    problems = pipeline.data_problems(splits, config)
    wrong.update(problems)
    for split in splits:
        lines = problems.get(split.mark, [])
        found["reading", split.name] = WRONG + "; ".join(lines) if lines else f"{READY}, no problem"
    if problems:
        complain(several(line for lines in problems.values() for line in lines))
    return not any(split.mark in wrong for split in needed)


def _features(planned: pipeline.Cell, config: Config) -> None:
    """Tokenize what the cell reads, into the store."""
    if not config.store.features:
        return
    from xstilts.training.prepare import evaluation, training

    for phase in planned.pretraining + planned.training:
        job = phase.job
        if isinstance(job, TokenizerJob):  # features need it, and it takes seconds
            note("tokenizer", job.label, repr(job), lambda phase=phase: _tokenizer(phase, config))  # type: ignore[misc]
            continue
        for name in job.tasks:
            if name in job.maps and not is_done(Path(job.maps[name])):
                continue  # which examples it takes is told by a training
            exactly = repr((job.tasks[name], job.by_task[name], job.hyperparameters, job.model, job.data))
            note("features", f"{job.label} {name}", exactly, lambda job=job, name=name: training(job, name))  # type: ignore[misc]
    last = planned.evaluation
    exactly = repr(replace(last, artifact=None, result="", predictions="", header={}))
    note("features", last.label, exactly, lambda: evaluation(last))


def _tokenizer(phase: Phase, config: Config) -> str:
    pipeline.ensure_made(phase, config)
    return str(phase.paths.folder)


def show() -> None:
    """The table of all that was noted."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("what", "name", "state", box=SIMPLE, pad_edge=False)
    for (kind, name), state in found.items():
        table.add_row(kind, Text(name), Text(state, style="" if state.startswith(READY) else "red"))
    console = Console(file=sys.stdout)
    console.print(table)
    bad = sum(state.startswith(WRONG) for state in found.values())
    missing = sum(not state.startswith(READY) for state in found.values()) - bad
    counts = [f"{len(found) - missing - bad} ready", f"{missing} missing"] + ([f"{bad} wrong"] if bad else [])
    console.print(", ".join(counts), highlight=False)


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """The entry point."""
    given = sys.argv[1:] if arguments is None else arguments
    sweeps = bool({"-m", "--multirun"} & set(given))
    # A study may ask for a cluster, whose nodes have no network; and what is fetched has no waves.
    added = ["hydra/launcher=basic", "hydra/sweeper=waves", "hydra.sweeper.waves=false"] if sweeps else []
    try:
        start(cell, given, __doc__, added)
    finally:
        if found:
            show()
    if wrong:
        sys.exit(2)
    if code := exit_code() or int(not all(state.startswith(READY) for state in found.values())):
        sys.exit(code)


if __name__ == "__main__":
    main()
