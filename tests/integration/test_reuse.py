"""Existing artifacts are used again, and only what a changed option affects is trained again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.sources.subset import subset

Run = Callable[..., Any]


@pytest.fixture
def cell(run_inline: Run, toy_world: Any, tmp_path: Path) -> Run:
    """Run a cell on the toy world, with a store and an output folder of the test's own."""
    return lambda *overrides: run_inline(
        *toy_world.options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", *overrides
    )


def artifacts(ran: Any) -> list[str]:
    return [artifact["fingerprint"] for artifact in ran.result["artifacts"]]


def trained(ran: Any) -> list[str]:
    """Labels of the phases that were trained, in order."""
    return [line.split(": training")[0] for line in ran.log if ": training " in line]


def evaluated(ran: Any) -> bool:
    return any(line.endswith(": evaluating") for line in ran.log)


@pytest.mark.slow
def test_a_cell_runs_once_and_only_what_a_change_concerns_is_trained_anew(cell: Run, tmp_path: Path) -> None:
    first = cell("+intermediate=snli", "+target=xnli")
    assert trained(first) == ["phase 2: snli", "phase 3: mnli"]
    second, third = (tmp_path / "store" / "trained" / name for name in artifacts(first))
    assert ModelCard.load(second / "README.md").data.tags[-1] == "snli" and json.loads((second / "scores.json").read_text()) == {}
    text = ModelCard.load(third / "README.md").text
    assert f"2. phase 2: snli: `{second.name}`\n3. phase 3: mnli: `{third.name}` (this one)\n" in text
    (noted,) = json.loads((third / "scores.json").read_text()).items()
    scored = [row for row in first.result["rows"] if row["metric"] == "accuracy" and row["value"] is not None]
    values = {row["language"]: row["value"] for row in scored}
    assert noted[0] == first.result["fingerprint"]
    assert {language: told["value"] for language, told in noted[1]["languages"].items()} == values and len(values) == 3
    assert all(f"| `{language}` | {value:.1f} | 30 |" in text for language, value in values.items())
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "trained").glob("*/*")}

    again = cell("+intermediate=snli", "+target=xnli")
    assert trained(again) == [] and not evaluated(again)
    assert again.result == first.result and again.table == first.table
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "store" / "trained").glob("*/*")}

    other_seed = cell("+intermediate=snli", "+target=xnli", "seed=2")
    assert trained(other_seed) == ["phase 2: snli", "phase 3: mnli"]
    assert not set(artifacts(first)) & set(artifacts(other_seed))

    other_target = cell("+intermediate=snli", "+target=pawsx")
    assert trained(other_target) == ["phase 3: pawsx"]
    assert artifacts(other_target)[0] == artifacts(first)[0]
    assert any(line == f"phase 2: snli: reused {artifacts(first)[0]}" for line in other_target.log)

    baseline = cell("+target=xnli")
    assert trained(baseline) == ["phase 3: mnli"]
    assert baseline.result["cell"]["intermediate"] == ["none"]
    explicit = cell("+intermediate=none", "+target=xnli")
    assert trained(explicit) == [] and not evaluated(explicit) and explicit.result == baseline.result

    without_training = cell("+intermediate=snli", "+target=tatoeba")
    assert trained(without_training) == [] and artifacts(without_training) == artifacts(first)[:1]
    assert len(json.loads((second / "scores.json").read_text())) == 1


def test_targets_with_the_same_training_task_train_once(cell: Run) -> None:
    xquad, mlqa = cell("+target=xquad"), cell("+target=mlqa")
    assert trained(xquad) == ["phase 3: squad_v1"] and trained(mlqa) == []
    assert artifacts(xquad) == artifacts(mlqa)
    assert {row["task"] for row in mlqa.result["rows"]} == {"mlqa"}


def test_a_machine_setting_or_a_path_changes_no_fingerprint(cell: Run, toy_world: Any, tmp_path: Path) -> None:
    first = cell("+target=pawsx")
    moved = toy_world.copy(tmp_path)
    again = cell(
        "+target=pawsx", f"data.root={moved.root}", "trainer.max_tokens=512", "trainer.checkpoint_every=1", "logger=none"
    )
    assert trained(again) == [] and again.result == first.result


def test_smaller_subsets_lie_inside_larger_ones(cell: Run) -> None:
    small = cell("+target=pawsx", "target.training.pawsx.max_examples=16")
    large = cell("+target=pawsx", "target.training.pawsx.max_examples=48")
    assert trained(small) == trained(large) == ["phase 3: pawsx"] and artifacts(small) != artifacts(large)
    ids = []
    for ran in (small, large):
        training = ran.config.target.training["pawsx"]
        examples = load(source_of(training.task, ran.config.data), training.train, training.languages)
        ids.append(set(subset(examples, training.task, training)["id"]))
    assert [len(found) for found in ids] == [16, 48]
    assert ids[0] < ids[1]


def test_refresh_evaluates_or_trains_again_to_the_same_numbers(
    cell: Run, tmp_path: Path, weights_of: Callable[[Path], dict[str, str]]
) -> None:
    first = cell("+target=pawsx")
    folder = tmp_path / "store" / "trained" / artifacts(first)[0]
    weights, made = weights_of(folder), (folder / "done.json").stat().st_mtime_ns

    results = cell("+target=pawsx", "store.refresh=results")
    assert trained(results) == [] and evaluated(results)
    assert results.result["rows"] == first.result["rows"] and results.table == first.table
    assert (folder / "done.json").stat().st_mtime_ns == made

    everything = cell("+target=pawsx", "store.refresh=all")
    assert trained(everything) == ["phase 3: pawsx"] and evaluated(everything)
    assert everything.result["rows"] == first.result["rows"]
    assert weights_of(folder) == weights and (folder / "done.json").stat().st_mtime_ns > made


def test_a_run_leaves_its_process_as_it_was(cell: Run) -> None:
    import logging
    import os

    import torch

    def state() -> tuple[Any, ...]:
        log = logging.getLogger("xstilts")
        return (
            dict(os.environ),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            log.level,
            list(log.handlers),
        )

    before = state()
    cell("+target=tatoeba")
    assert state() == before
