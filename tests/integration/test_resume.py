"""A cell that was killed, at whatever moment, and started again ends as if nothing had happened: to the bit."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.integration.killing import killed
from xstilts.paths import ArtifactPaths
from xstilts.store.artifacts import read_metadata

Run = Callable[..., Any]
Weights = Callable[[Path], dict[str, str]]
EARLY = "target.recipe.patience=2"
"""Stop after two evaluations without a better score."""
SINGLE = ("+target=pawsx", "target.recipe.max_steps=24", "target.recipe.eval_every=4", "trainer.checkpoint_every=3")
MULTITASK = (
    "+intermediate=[snli,mlm]",
    "+target=tatoeba",
    "intermediate.recipe.max_steps=24",
    "intermediate.recipe.eval_every=5",
    "intermediate.tasks.mlm.languages=[de,fr]",
    "trainer.checkpoint_every=3",
)
ADAPTED = (*SINGLE, "model.adapter=lora", "target.recipe.adapter_dropout=0.1")
PRETRAINED = (
    "+target=tatoeba",
    "model.tokenizer=null",
    "pretraining.tasks.mlm.languages=[de,fr]",
    "pretraining.vocabulary=120",
    "pretraining.recipe.max_steps=24",
    "trainer.checkpoint_every=3",
)


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def outcome(ran: Any, place: Path, weights_of: Weights) -> tuple[Any, ...]:
    """All that must not depend on whether a run was disturbed."""
    folders = [place / "store" / a["kind"] / a["fingerprint"] for a in ran.result["artifacts"] if a["kind"] == "trained"]
    history = [[read_metadata(folder)[key] for key in ("validation", "selected_step", "steps")] for folder in folders]
    return ran.result["rows"], [weights_of(folder) for folder in folders], history


@pytest.fixture(scope="module")
def undisturbed(
    run_inline: Run, toy_world: Any, tmp_path_factory: pytest.TempPathFactory, weights_of: Weights
) -> Callable[..., tuple[Any, ...]]:
    """The outcome of a command line that nobody disturbed, worked out once."""
    known: dict[tuple[str, ...], tuple[Any, ...]] = {}

    def get(*overrides: str) -> tuple[Any, ...]:
        if overrides not in known:
            place = tmp_path_factory.mktemp("undisturbed")
            known[overrides] = outcome(run_inline(*options(toy_world, place), *overrides), place, weights_of)
        return known[overrides]

    return get


@pytest.mark.parametrize(
    ("moments", "overrides"),
    [
        ([("step", 2)], SINGLE),  # before the first checkpoint
        ([("step", 13), ("step", 1), ("step", 5)], SINGLE),  # three times, once with no step done
        ([("evaluation", 3)], SINGLE),  # right after a checkpoint's step, too: 12 is a multiple of both
        ([("best weights", 1)], SINGLE),
        ([("checkpoint", 3)], SINGLE),
        ([("moving a file to its place", 7)], SINGLE),
        ([("moving a file to its place", 8)], SINGLE),
        ([("moving a file to its place", 9)], SINGLE),
        ([("step", 8), ("evaluation", 2)], (*SINGLE, EARLY)),
        ([("publishing", 1)], (*SINGLE, EARLY)),  # must not train on
        ([("publishing", 1)], SINGLE),
        ([("step", 14), ("step", 4)], MULTITASK),
        ([("evaluation", 4)], MULTITASK),
        ([("step", 14), ("evaluation", 2)], ADAPTED),
        ([("step", 14), ("step", 4)], PRETRAINED),
        ([("publishing", 1)], PRETRAINED),
    ],
    ids=lambda value: ", ".join(f"{moment} {number}" for moment, number in value) if isinstance(value, list) else value[0],
)
def test_a_killed_cell_ends_as_an_undisturbed_one(
    moments: list[tuple[str, int]],
    overrides: tuple[str, ...],
    run_inline: Run,
    undisturbed: Callable[..., tuple[Any, ...]],
    toy_world: Any,
    tmp_path: Path,
    weights_of: Weights,
) -> None:
    expected = undisturbed(*overrides)
    cell = lambda: run_inline(*options(toy_world, tmp_path), *overrides)  # noqa: E731
    for moment, number in moments:
        killed(cell, moment, number)
        assert not list((tmp_path / "store" / "trained").glob("*/done.json")), "nothing half-written may look finished"
        assert not list((tmp_path / "out").glob("results/*"))
    checkpointed = bool(list((tmp_path / "store" / "trained").glob(".*.work/last.ckpt")))
    ran = cell()
    assert any(": resuming " in line for line in ran.log) == checkpointed
    assert outcome(ran, tmp_path, weights_of) == expected
    assert [path.name for path in (tmp_path / "store" / "trained").iterdir() if path.name.endswith(".work")] == []


@pytest.mark.parametrize("before", ["true", "false"])
def test_a_resumed_training_keeps_the_rows_it_began_with(
    before: str, run_inline: Run, toy_world: Any, tmp_path: Path, weights_of: Weights
) -> None:
    """Whatever `model.trim_vocabulary` says by then: to the bit as if it had not been changed."""
    begun = (*SINGLE, f"model.trim_vocabulary={before}")
    expected = outcome(run_inline(*options(toy_world, tmp_path / "expected"), *begun), tmp_path / "expected", weights_of)
    killed(lambda: run_inline(*options(toy_world, tmp_path), *begun), "step", 14)
    after = "false" if before == "true" else "true"
    ran = run_inline(*options(toy_world, tmp_path), *SINGLE, f"model.trim_vocabulary={after}")
    assert any(": resuming " in line for line in ran.log)
    assert any(" word embeddings, " in line for line in ran.log) == (before == "true")
    assert outcome(ran, tmp_path, weights_of) == expected


def test_a_checkpoint_without_some_of_the_rows_is_refused(
    run_inline: Run, main_fails: Run, toy_world: Any, tmp_path: Path
) -> None:
    from xstilts.data.batches import TaskFeatures

    cell = (*toy_world.options, *SINGLE)
    killed(lambda: run_inline(*options(toy_world, tmp_path), *SINGLE), "step", 14)
    with mock.patch.object(TaskFeatures, "occurring", lambda self, vocabulary: np.ones(vocabulary, dtype=bool)):
        lines = main_fails(*cell)
    (line,) = (line for line in lines if "last.ckpt was written when the data had other tokens" in line)
    assert line.startswith("error: ") and "delete the folder" in line


def test_early_stopping_did_stop(undisturbed: Callable[..., tuple[Any, ...]]) -> None:
    _, _, ((history, selected, steps),) = undisturbed(*SINGLE, EARLY)
    assert steps == 24 and history[-1]["step"] < 24, "the test above needs a run that stops early"
    assert selected == history[-3]["step"]


@pytest.mark.long
@pytest.mark.parametrize("whole_group", [True, False], ids=["driver and worker", "driver alone"])
def test_sigkill_of_a_real_process(
    whole_group: bool,
    start_cell: Run,
    run_inline: Run,
    undisturbed: Callable[..., tuple[Any, ...]],
    toy_world: Any,
    tmp_path: Path,
    weights_of: Weights,
    compose_config: Run,
) -> None:
    from xstilts.cell.phases import plan
    from xstilts.cell.resolve import resolve

    long = ("+target=pawsx", "target.recipe.max_steps=400", "target.recipe.eval_every=50", "trainer.checkpoint_every=7")
    all_options = (*options(toy_world, tmp_path), *long)
    paths: ArtifactPaths = plan(resolve(compose_config(*all_options))).training[0].paths
    process = start_cell(*all_options)
    deadline = time.monotonic() + 120
    while not paths.last_checkpoint.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    worker = _worker_of(process.pid)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()
    _wait_for_the_end_of(worker)  # a process group of its own, but it goes with its driver
    assert paths.work.exists() and not paths.folder.exists()

    ran = run_inline(*all_options)
    assert any(": resuming " in line for line in ran.log)
    assert outcome(ran, tmp_path, weights_of) == undisturbed(*long)


def test_a_kill_while_evaluating_loses_no_training(
    run_inline: Run, undisturbed: Callable[..., tuple[Any, ...]], toy_world: Any, tmp_path: Path, weights_of: Weights
) -> None:
    from xstilts.training import evaluate

    child = os.fork()
    if child == 0:
        try:
            with mock.patch.object(evaluate, "score_splits", side_effect=lambda *_: os.kill(os.getpid(), signal.SIGKILL)):
                run_inline(*options(toy_world, tmp_path), *SINGLE)
        finally:
            os._exit(3)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert list((tmp_path / "store" / "trained").glob("*/done.json"))
    ran = run_inline(*options(toy_world, tmp_path), *SINGLE)
    assert not any(": training " in line or ": resuming " in line for line in ran.log)
    assert outcome(ran, tmp_path, weights_of) == undisturbed(*SINGLE)
    assert not list((tmp_path / "out" / "work").glob("[!.]*"))


def _worker_of(driver: int) -> int:
    children = Path(f"/proc/{driver}/task/{driver}/children")
    return int(children.read_text().split()[0])


def _wait_for_the_end_of(process: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and "State:\tZ" not in Path(f"/proc/{process}/status").read_text():
        assert time.monotonic() < deadline, f"process {process} outlives its driver"
        time.sleep(0.05)
