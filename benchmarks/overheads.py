"""What is paid outside the steps: answers of the command line, the way to the first step, planning, cells that exist, logging.

All in a synthetic world that is made on the fly; commands are processes of their own, as a user starts them.
"""

import dataclasses
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.rounds import Line, compared, exponent, interleaved, timed

GROUP = "overheads"
INTERMEDIATE = "none anli_plus mnli qqp squad_v1 squad_v2 hellaswag ccg cosmosqa commonsenseqa multitask".split()
TARGETS = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba".split()
"""Of Phang et al. 2020."""
GRIDS = ((1, 1), (3, 4), (6, 8), (11, 9))
"""How many of both: 1, 12, 48 and 99 cells."""
WORLD = ["data=babel_micro", "model=tiny", "pretraining.encoder=false", "worker=process", "logger=none"]
SHORT = "max_steps=2 epochs=null eval_every=0 selection=last warmup_fraction=null".split()
CELL = [
    *WORLD,
    *(f"{place}.recipe.{word}" for place in ("intermediate", "target") for word in SHORT),
    "target.max_test_examples=8",
]
IMPORTS = "import datasets, pytorch_lightning, torch, transformers"
STEPS, WARM_UP = 40, 5
"""Of the training that is timed for W&B, and how many of them do not count."""


def lines(full: bool) -> Iterator[Line]:
    """Needs no data, no network and no GPU."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        yield from _answers(here, 5 if full else 2)
        yield from _planning(here, 3 if full else 1)
        yield from _first_step(here, 5 if full else 2)
        yield from _reused(here, 5 if full else 2)
        yield from _wandb(here, full)


def _xstilts(folder: Path, *words: str, code: int = 0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xstilts", *words], cwd=folder, env=_environment(), capture_output=True, text=True
    )
    if done.returncode != code:
        raise RuntimeError(f"xstilts {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")


def _environment() -> dict[str, str]:
    return {**os.environ, "WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1"}


def _median(folder: Path, rounds: int, *words: str, code: int = 0) -> float:
    return statistics.median(timed(lambda: _xstilts(folder, *words, code=code)) for _ in range(rounds))


def _answers(here: Path, rounds: int) -> Iterator[Line]:
    for name, words, code in (
        ("`xstilts --help`", ["--help"], 0),
        ("`xstilts train --help`", ["train", "--help"], 0),
        ("`xstilts plan --help`", ["plan", "--help"], 0),
        ("an unknown task is reported", ["train", "+target=xnil"], 2),
    ):
        yield Line(GROUP, name, "s", _median(here, rounds, *words, code=code), rounds=rounds, goal="< 1.5 s")


def _planning(here: Path, rounds: int) -> Iterator[Line]:
    seconds = {}
    for many, targets in GRIDS:
        grid = [f"+intermediate={','.join(INTERMEDIATE[:many])}", f"+target={','.join(TARGETS[:targets])}"]
        seconds[many * targets] = _median(here, rounds, "plan", *grid, *WORLD)
    alone = seconds.pop(1)
    yield Line(
        GROUP, "planning phang2020, 99 cells", "s", seconds[99], rounds=rounds, goal="< 60 s", note=f"one cell: {alone:.1f} s"
    )
    sizes, costs = [float(size) for size in seconds], [cost - alone for cost in seconds.values()]
    note = ", ".join(f"{size}: {cost:.1f} s" for size, cost in seconds.items())
    growth = exponent(sizes, costs)
    yield Line(GROUP, "growth of planning with the cells", "exponent", growth, rounds=rounds, goal="<= 1.1", note=note)


def _first_step(here: Path, rounds: int) -> Iterator[Line]:
    """Until the checkpoint of the first step is there, of a cell whose data, tokenizer and features are."""
    _xstilts(here, "train", "+target=xnli", *CELL, "seed=100")
    seeds = iter(range(101, 200))
    environment = _environment()

    def first_step() -> float:
        words = [
            sys.executable,
            "-m",
            "xstilts",
            "train",
            "+target=xnli",
            *CELL,
            "trainer.checkpoint_every=1",
            f"seed={next(seeds)}",
        ]
        start = time.perf_counter()
        with subprocess.Popen(words, cwd=here, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not list((here / "store" / "trained").glob(".*.work/last.ckpt")):
                if process.poll() is not None:
                    raise RuntimeError("the cell ended before its first step was seen")
                time.sleep(0.02)
            return time.perf_counter() - start

    def imports() -> float:
        return timed(lambda: subprocess.run([sys.executable, "-c", IMPORTS], env=environment, check=True))

    ours, theirs = "ours", "imports"
    found = interleaved({ours: first_step, theirs: imports}, rounds, warm_up=0)
    peer = f"`python -c '{IMPORTS}'` alone"
    yield compared(GROUP, "from the command to the first step", "s", found[ours], peer, found[theirs], goal="<= imports + 2 s")


def _reused(here: Path, rounds: int) -> Iterator[Line]:
    cell = ["train", "+target=xnli", *CELL, "seed=100"]
    yield Line(GROUP, "a cell that exists", "s", _median(here, rounds, *cell), rounds=rounds, goal="<= 2 s")
    sweep = ["train", "-m", "+intermediate=none", "+target=xnli", *CELL, "seed=100,101,102,103"]
    _xstilts(here, *sweep)
    seconds = _median(here, rounds, *sweep) / 4
    yield Line(GROUP, "a cell that exists, in a sweep of 4", "s", seconds, rounds=rounds, goal="< 5 s")


def _wandb(here: Path, full: bool) -> Iterator[Line]:
    """Trains in this process, with steps of a size that a GPU takes too, a tenth of a second and more.

    First all that W&B does, in its calls, its threads and its service, as if each second of it were one that training waits for,
    which a machine's weather hardly touches. Then, with patience, whole trainings with and without.
    """
    from xstilts.training.libraries import quiet_libraries
    from xstilts.training.module import TaskModule

    os.environ.update(_environment())
    quiet_libraries()
    from xstilts.tracking.loggers import RunLogger
    from xstilts.training.fit import train

    job, folder = _training_job(here), here / "timed"
    numbers = itertools.count()
    shares: list[float] = []

    def per_step(logger: str) -> float:
        """Seconds of a step, without the first ones."""
        starts: list[float] = []
        elsewhere: list[float] = []
        inside: list[float] = []
        step, log = TaskModule.training_step, RunLogger.log_metrics

        def stepping(self: Any, *given: Any) -> Any:
            if len(starts) in (WARM_UP, STEPS - 1):
                elsewhere.append(_seconds_of_wandb())
            starts.append(time.perf_counter())
            return step(self, *given)

        def logging(self: Any, *given: Any, **named: Any) -> None:
            seconds = timed(lambda: log(self, *given, **named))
            if WARM_UP < len(starts) < STEPS:
                inside.append(seconds)

        number = next(numbers)
        places = {name: str(folder / str(number) / name) for name in ("artifact", "work", "curves")}
        Path(places["work"]).mkdir(parents=True)
        chosen = dataclasses.replace(job.logger, name=logger, offline=True)
        run = dataclasses.replace(job.run, id=f"timed{number}", folder=str(folder / "runs"))
        with mock.patch.object(TaskModule, "training_step", stepping), mock.patch.object(RunLogger, "log_metrics", logging):
            train(dataclasses.replace(job, logger=chosen, run=run, **places))
        training = starts[-1] - starts[WARM_UP]
        if logger == "wandb":
            shares.append(100 * (sum(inside) + elsewhere[1] - elsewhere[0]) / training)
        return training / (STEPS - 1 - WARM_UP)

    loggers = {name: partial(per_step, name) for name in ("wandb", "none")}
    rounds = 5 if full else 1
    found = interleaved(loggers if full else {"wandb": loggers["wandb"]}, rounds, warm_up=int(full))
    note = f"steps of {statistics.median(found['wandb']):.2f} s, every {job.logger.every_n_steps} of them logged"
    shares = shares[-rounds:]
    name = "what W&B (offline) does, in calls, threads and service, beside training"
    yield Line(GROUP, name, "%", statistics.median(shares), rounds=rounds, goal="<= 1 %", note=note)
    if full:
        ours, theirs = found["wandb"], found["none"]
        yield compared(GROUP, "a step with logger=wandb (offline)", "s", ours, "logger=none", theirs, goal=">= 0.99x", note=note)


def _seconds_of_wandb() -> float:
    """Processor time of W&B's service and of its threads in this process."""
    import psutil

    here = psutil.Process()
    services = [child for child in here.children(recursive=True) if "wandb" in child.name()]
    threads = {thread.native_id for thread in threading.enumerate() if thread.daemon}
    own = sum(thread.user_time + thread.system_time for thread in here.threads() if thread.id in threads)
    return own + sum(sum(service.cpu_times()[:2]) for service in services)


def _training_job(here: Path) -> Any:
    from hydra import compose, initialize_config_dir

    from xstilts import config
    from xstilts.cell.phases import plan
    from xstilts.cell.resolve import resolve
    from xstilts.launch.cells import to_schema
    from xstilts.paths import conf_dir

    config.register()
    size = "hidden_size=128 intermediate_size=512".split()
    words = ["+target=xnli", *CELL, f"target.recipe.max_steps={STEPS}", *(f"model.tiny.{word}" for word in size)]
    words += [f"store.root={here / 'store'}", f"output={here / 'outputs'}"]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return plan(resolve(to_schema(compose("train", words)))).training[-1].job
