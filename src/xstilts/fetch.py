"""python -m xstilts.fetch: download, check and prepare everything that `train` needs with the same options. Trains nothing.

For a grid: run `python -m xstilts.fetch -m +experiments=NAME` on a machine with a network, then the jobs with HF_HUB_OFFLINE=1.
At the end it prints a table of what is ready and what is missing. The exit code is 1 if anything is missing, and 2 if data is
wrong.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hydra
from omegaconf import DictConfig

from xstilts import sources
from xstilts.cell import inputs
from xstilts.cell.checks import check
from xstilts.cell.phases import CellPlan, Phase, plan
from xstilts.cell.run import data_problems, ensure_made, unread_data
from xstilts.config import Config
from xstilts.errors import UserError, combined, print_error
from xstilts.jobs import TokenizerJob
from xstilts.launch.cells import attempt, exit_code, start
from xstilts.launch.entry import entry_point
from xstilts.numbering import counted
from xstilts.paths import conf_dir
from xstilts.store.artifacts import is_done

READY, WRONG = "ready", "wrong: "
states: dict[tuple[str, str], str] = {}
"""(Kind, name) of an item that the cells need -> `ready` with details, or the problem."""
wrong: dict[str, list[str]] = {}
"""Mark of a split that was read -> problems of its data."""
tried: set[str] = set()
"""Exact descriptions of the items that were tried; two items may have the same name in the table."""


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> None:
    """Fetch for one cell, alone or as a job of a sweep."""
    attempt(config, fetch)


def fetch(config: Config) -> None:
    """Download and prepare everything that one cell needs, and record the outcome in `states`."""
    config = replace(config, store=replace(config.store, refresh="never"))
    cell, before = check(config), set(states)
    model = config.model
    names = "+".join(dict.fromkeys(name for name in (model.name_or_path or "tiny", model.tokenizer) if name))
    note("model", names, repr(model), lambda: _model(config))
    for item in inputs.needed(cell):
        languages = "all languages" if item.languages is None else " ".join(item.languages)
        name = f"{item.source.task.name} {item.split}, {languages}"
        note("data", name, repr(item), lambda item=item: _data(config, item))  # type: ignore[misc]
    if all(state.startswith(READY) for key, state in states.items() if key not in before):
        planned = plan(cell)
        if _read(planned):
            _features(planned)


def note(kind: str, name: str, exactly: str, action: Callable[[], str]) -> None:
    """Run the action of an item, unless it was tried before; of two items with the same name, a missing one is shown."""
    if kind + exactly in tried:
        return
    tried.add(kind + exactly)
    try:
        state = f"{READY}, {action()}"
    except UserError as error:
        state = f"missing: {error}"
    if states.get((kind, name), READY).startswith(READY):
        states[kind, name] = state


def _model(config: Config) -> str:
    model = inputs.local_model(config)
    return " and ".join(dict.fromkeys(place for place in (model.name_or_path, model.tokenizer) if place))


def _data(config: Config, item: inputs.NeededSplit) -> str:
    inputs.download(item, config)
    languages = item.languages or sources.languages_with_data(item.source, item.split)
    files: set[Path] = set()
    for language in languages:
        files |= set(sources.require(item.source, item.split, language).values())
    size = sum(path.stat().st_size for path in files)
    return (
        f"{counted(len(languages), 'language')}, {counted(len(files), 'file')}, {size / 1e6:.1f} MB"
        if files
        else "no such split, left out"
    )


def _read(planned: CellPlan) -> bool:
    """Read all data of the cell that was not read before; return whether it is without problems."""
    needed = unread_data(planned)
    splits = [split for split in needed if split.mark not in wrong]
    problems = data_problems(splits, planned.config)
    wrong.update(problems)
    for split in splits:
        lines = problems.get(split.mark, [])
        states["reading", split.label] = WRONG + "; ".join(lines) if lines else f"{READY}, no problem"
    if problems:
        print_error(combined(line for lines in problems.values() for line in lines))
    return not any(split.mark in wrong for split in needed)


def _features(planned: CellPlan) -> None:
    """Tokenize the cell's data and keep the features in the store."""
    if not planned.config.store.features:
        return
    from xstilts.training.prepare import evaluation, training

    for phase in planned.artifacts:
        job = phase.job
        if isinstance(job, TokenizerJob):  # features need it, and it takes seconds
            note("tokenizer", job.label, repr(job), lambda phase=phase: _tokenizer(phase, planned.config))  # type: ignore[misc]
            continue
        for name, data in job.tasks.items():
            if data.map and not is_done(Path(data.map)):
                continue  # a training of an earlier phase selects its examples
            exactly = repr((data, job.hyperparameters, job.model))
            note("features", f"{job.label} {name}", exactly, lambda job=job, name=name: training(job, name))  # type: ignore[misc]
    last = planned.evaluation
    exactly = repr(replace(last, artifact=None, result="", predictions="", header={}))
    note("features", last.label, exactly, lambda: evaluation(last))


def _tokenizer(phase: Phase, config: Config) -> str:
    ensure_made(phase, config)
    return str(phase.paths.folder)


def show() -> None:
    """Print the table of all items."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("what", "name", "state", box=SIMPLE, pad_edge=False)
    for (kind, name), state in states.items():
        table.add_row(kind, Text(name), Text(state, style="" if state.startswith(READY) else "red"))
    console = Console(file=sys.stdout)
    console.print(table)
    bad = sum(state.startswith(WRONG) for state in states.values())
    missing = sum(not state.startswith(READY) for state in states.values()) - bad
    counts = [f"{len(states) - missing - bad} ready", f"{missing} missing"] + ([f"{bad} wrong"] if bad else [])
    console.print(", ".join(counts), highlight=False)


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = sys.argv[1:] if arguments is None else arguments
    sweeps = bool({"-m", "--multirun"} & set(given))
    # A study may use a cluster, whose nodes have no network; and fetching has no waves.
    added = ["hydra/launcher=basic", "hydra/sweeper=waves", "hydra.sweeper.waves=false"] if sweeps else []
    try:
        start(cell, given, __doc__, added)
    finally:
        if states:
            show()
    if wrong:
        sys.exit(2)
    if code := exit_code() or int(not all(state.startswith(READY) for state in states.values())):
        sys.exit(code)


if __name__ == "__main__":
    main()
