"""A run that is stopped by any signal to any of its processes.

It says so in one line, ends with code 128+n, leaves nothing half-written, and the same command goes on from where it was, to
the bit.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from xstilts.paths import ArtifactPaths
from xstilts.signals import STOP_SIGNALS, Stopped
from xstilts.store.artifacts import is_done, read_metadata

Run = Callable[..., Any]
Weights = Callable[[Path], dict[str, str]]
SHORT = ("+target=pawsx", "target.recipe.max_steps=24", "target.recipe.eval_every=4", "trainer.checkpoint_every=1000")
LONG = ("+target=pawsx", "target.recipe.max_steps=150", "target.recipe.eval_every=40", "trainer.checkpoint_every=30")
PATIENCE = 120
"""Seconds for what takes a few on an idle machine."""


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def outcome(result: dict[str, Any], place: Path, weights_of: Weights) -> tuple[Any, ...]:
    """All that must not depend on whether a run was stopped."""
    (trained,) = (place / "store" / a["kind"] / a["fingerprint"] for a in result["artifacts"] if a["kind"] == "trained")
    return result["rows"], weights_of(trained), read_metadata(trained)["validation"]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.005)
    return value


def descendants(process: int) -> list[int]:
    """The living processes that this one started, and those that these started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            parents.setdefault(int(parent), []).append(int(stat.parent.name))
    found = parents.get(process, [])
    return [*found, *(further for one in found for further in descendants(one))]


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def listens(process: int, number: signal.Signals = signal.SIGTERM) -> bool:
    """Return whether the process has installed a handler for the signal."""
    try:
        (caught,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("SigCgt:"))
    except (OSError, ValueError):
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def half_written(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if ".tmp-" in path.name]


@pytest.mark.parametrize(
    ("number", "moment"),
    [*((number, 13) for number in STOP_SIGNALS), (signal.SIGTERM, 1), (signal.SIGTERM, 16)],  # 16: then comes an evaluation
)
def test_in_one_process_it_stops_after_the_step(
    number: signal.Signals, moment: int, run_inline: Run, toy_world: Any, tmp_path: Path, weights_of: Weights, expected: Any
) -> None:
    cell = lambda: run_inline(*options(toy_world, tmp_path), *SHORT)  # noqa: E731
    code, line = forked(cell, number, moment)
    assert (code, line) == (
        128 + number,
        f"stopped by {number.name}: checkpoint at step {moment}; rerun the command to continue",
    )
    (checkpoint,) = (tmp_path / "store" / "trained").glob(".*.work/last.ckpt")
    assert torch.load(checkpoint, weights_only=True)["global_step"] == moment
    assert not half_written(tmp_path)
    ran = cell()
    assert any(": resuming " in line for line in ran.log)
    assert outcome(ran.result, tmp_path, weights_of) == expected


def test_after_the_last_step_the_artifact_is_finished_first(
    run_inline: Run, toy_world: Any, tmp_path: Path, weights_of: Weights, expected: Any
) -> None:
    cell = lambda: run_inline(*options(toy_world, tmp_path), *SHORT)  # noqa: E731
    code, line = forked(cell, signal.SIGTERM, 24)
    assert (code, line) == (143, "stopped by SIGTERM: finished work is kept; rerun the command to continue")
    assert list((tmp_path / "store" / "trained").glob("*/done.json"))
    assert outcome(cell().result, tmp_path, weights_of) == expected


@pytest.fixture(scope="module")
def expected(run_inline: Run, toy_world: Any, tmp_path_factory: pytest.TempPathFactory, weights_of: Weights) -> tuple[Any, ...]:
    """The outcome of SHORT when nobody stops it."""
    place = tmp_path_factory.mktemp("undisturbed")
    return outcome(run_inline(*options(toy_world, place), *SHORT).result, place, weights_of)


def forked(run: Callable[[], Any], number: signal.Signals, moment: int) -> tuple[int, str]:
    """Return the end of a copy of this process that runs and gets the signal in the middle of a step; steps count from 1."""
    from xstilts.training.module import TaskModule

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        original, count = TaskModule.on_train_batch_start, 0

        def counted(*arguments: Any) -> None:
            nonlocal count
            count += 1
            if count == moment:
                os.kill(os.getpid(), number)
            original(*arguments)

        for one in STOP_SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        code = 3
        try:
            with mock.patch.object(TaskModule, "on_train_batch_start", counted):
                run()
        except Stopped as stopped:
            os.write(writing, str(stopped).encode())
            code = 128 + stopped.number
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        line = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), line


@pytest.fixture
def started(
    start_cell: Run, compose_config: Run, toy_world: Any, tmp_path: Path
) -> Iterator[Callable[..., tuple[Any, ArtifactPaths]]]:
    """Start a cell in processes of its own: the driver, and where its artifact is made. What is left of it ends with the test."""
    from xstilts.cell.phases import plan
    from xstilts.cell.resolve import resolve

    drivers = []

    def start(*overrides: str) -> tuple[Any, ArtifactPaths]:
        words = (*options(toy_world, tmp_path), *LONG, *overrides)
        paths = plan(resolve(compose_config(*words))).training[0].paths
        drivers.append(start_cell(*words))
        return drivers[-1], paths

    yield start
    for driver in drivers:
        if driver.poll() is None:
            driver.kill()
            driver.communicate()


def trains(driver: Any, paths: ArtifactPaths) -> list[int]:
    """Wait for the first checkpoint; the worker's first rank and then the others."""

    def checkpointed() -> bool:
        assert driver.poll() is None, driver.communicate()
        return paths.last_checkpoint.exists()

    wait_for(checkpointed, "no checkpoint")
    return descendants(driver.pid)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["driver", "worker"])
def test_one_worker_stops(whom: str, started: Any) -> None:
    driver, paths = started()
    (worker,) = trains(driver, paths)
    before = paths.last_checkpoint.stat().st_mtime_ns
    os.kill(driver.pid if whom == "driver" else worker, signal.SIGTERM)
    _, err = driver.communicate(timeout=PATIENCE)
    assert not is_alive(worker) and not is_done(paths.folder)
    assert paths.last_checkpoint.stat().st_mtime_ns > before
    assert driver.returncode == 143, err
    assert re.fullmatch(r"stopped by SIGTERM: checkpoint at step \d+; rerun the command to continue", err.splitlines()[-1]), err
    assert "Traceback" not in err and "error: " not in err


@pytest.mark.long
@pytest.mark.parametrize("whom", ["all", "last rank"])
def test_two_ranks_stop_together(
    whom: str, started: Any, run_cell: Run, toy_world: Any, tmp_path: Path, weights_of: Weights, expected_of_two: Any
) -> None:
    driver, paths = started("trainer.devices=2")
    first, second = trains(driver, paths)
    before = paths.last_checkpoint.stat().st_mtime_ns
    for process in [driver.pid, first, second] if whom == "all" else [second]:
        os.kill(process, signal.SIGTERM)
    _, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 143, err
    assert err.count("stopped by SIGTERM: checkpoint at step ") == 1 and "Traceback" not in err, err
    assert paths.last_checkpoint.stat().st_mtime_ns > before and not half_written(tmp_path)
    wait_for(lambda: not is_alive(first) and not is_alive(second), "a rank outlives its driver")
    assert outcome(two(run_cell, toy_world, tmp_path), tmp_path, weights_of) == expected_of_two


def two(run_cell: Run, world: Any, place: Path) -> dict[str, Any]:
    """The result of the cell with two ranks."""
    from xstilts.store.results import read_results

    code, _, err = run_cell(*options(world, place), *LONG, "trainer.devices=2")
    assert code == 0, err
    (result,) = read_results(place / "out" / "results")
    return result


@pytest.fixture(scope="module")
def expected_of_two(run_cell: Run, toy_world: Any, tmp_path_factory: pytest.TempPathFactory, weights_of: Weights) -> Any:
    """The outcome of two ranks that nobody stops."""
    place = tmp_path_factory.mktemp("two")
    return outcome(two(run_cell, toy_world, place), place, weights_of)


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_ends_its_cell(rank: int, started: Any) -> None:
    driver, paths = started("trainer.devices=2")
    ranks = trains(driver, paths)
    os.kill(ranks[rank], signal.SIGKILL)
    since = time.monotonic()
    _, err = driver.communicate(timeout=PATIENCE)
    assert time.monotonic() - since < 30, "the others wait for it"
    assert driver.returncode == 2, err
    (line,) = (line for line in err.splitlines() if line.startswith("error: "))
    assert "phase 3: pawsx failed with " in line
    wait_for(lambda: not any(map(is_alive, ranks)), "a rank outlives its driver")
    assert not is_done(paths.folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_before_training_it_stops_at_once(number: signal.Signals, started: Any, tmp_path: Path) -> None:
    driver, paths = started()
    worker = wait_for(lambda: next((one for one in descendants(driver.pid) if listens(one, number)), 0), "no worker")
    for _ in range(2):
        driver.send_signal(number)
    _, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 128 + number and not is_alive(worker), err
    assert err.splitlines()[-1] == f"stopped by {number.name}: finished work is kept; rerun the command to continue"
    assert not paths.last_checkpoint.exists() and not half_written(tmp_path)
    assert "Traceback" not in err


@pytest.mark.slow
def test_an_evaluation_stops_at_once(started: Any, tmp_path: Path) -> None:
    driver, _ = started("target.recipe.max_steps=4")
    wait_for(lambda: list((tmp_path / "out" / "work").glob("*/job.json")), "no evaluation")
    worker = wait_for(lambda: next(filter(listens, descendants(driver.pid)), 0), "no worker")
    driver.terminate()
    _, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 143 and not is_alive(worker), err
    assert err.splitlines()[-1] == "stopped by SIGTERM: finished work is kept; rerun the command to continue"
    assert not list((tmp_path / "out").glob("results/*")) and not half_written(tmp_path)
    assert "Traceback" not in err
