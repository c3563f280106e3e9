"""Grids as a user types them: each artifact once, failures told and survived, what exists done never again, and the preview."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.cell import phases
from xstilts.cell.resolve import resolve
from xstilts.paths import sweep_summary
from xstilts.store.results import read_results

Cell = Callable[..., tuple[int, str, str]]
GRID = ("+intermediate=none,commonsenseqa,squad_v1", "+target=xnli,xquad,pawsx,udpos", "target.languages=[en,zh]")
SHORTER = ("intermediate.recipe.max_steps=2", "target.recipe.max_steps=2", "target.max_test_examples=3")


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}", "logger=none")


def trained(text: str) -> list[str]:
    """Fingerprints of what was trained, by the lines of a log."""
    return re.findall(r": (?:training|resuming) ([0-9a-f]{20})$", text, re.MULTILINE)


@pytest.mark.long
def test_four_sweeps_at_once_train_exactly_what_is_distinct_and_a_fifth_nothing(
    start_cell: Any, run_cell: Cell, real_options: tuple[str, ...], tmp_path: Path
) -> None:
    places = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "logger=none")
    command = ("-m", *real_options, *places, *GRID, *SHORTER, "seed=1,2", "worker=inline")
    started = [start_cell(*command) for _ in range(4)]
    ended = [process.communicate(timeout=500) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    results = read_results(tmp_path / "out" / "results")
    assert len(results) == 24
    distinct = {artifact["fingerprint"] for result in results for artifact in result["artifacts"]}
    # By seed: two intermediates in phase 2; three parents times mnli, squad_v1, pawsx and udpos in phase 3, where SQuAD without a
    # parent is the intermediate SQuAD.
    assert len(distinct) == 2 * (2 + 3 * 4 - 1)
    assert sorted(path.name for path in (tmp_path / "store" / "trained").iterdir() if path.name[0] != ".") == sorted(distinct)
    assert sorted(trained("".join(err for _, err in ended))) == sorted(distinct), "each of them once"

    kinds = (".json", ".safetensors", ".parquet")
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix in kinds}
    del files[sweep_summary(tmp_path / "out")]  # which tells of the last sweep
    code, out, err = run_cell(*command)
    assert code == 0, err
    assert trained(err) == [] and "evaluating" not in err and "wave 1:" not in err
    assert re.search(r"^ evaluations +24 +24 *$", out, re.MULTILINE), out
    assert files == {path: path.stat().st_mtime_ns for path in files}


@pytest.mark.long
def test_bad_data_keeps_the_cells_that_need_it_from_starting_and_the_rest_goes_on(
    run_cell: Cell, toy_world: Any, tmp_path: Path
) -> None:
    world = toy_world.copy(tmp_path)
    (world.root / "snli" / "snli_1.0_train.jsonl").write_text("{")
    grid = ("+intermediate=none,snli", "+target=pawsx,tatoeba")
    code, out, err = run_cell("-m", *options(world, tmp_path), *grid)
    assert code == 1 and "Traceback" not in out + err, out + err
    assert [r["cell"]["intermediate"] for r in read_results(tmp_path / "out" / "results")] == [["none"], ["none"]]
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "snli_1.0_train.jsonl:1: " in line, "told once, for two cells"
    assert err.index(line) < err.index("wave 1"), "and before anything is trained"
    (told,) = [line for line in out.splitlines() if line.startswith("refused ")]
    assert " and 1 more: " in told and "snli_1.0_train.jsonl:1: " in told
    kept = json.loads(sweep_summary(tmp_path / "out").read_text())
    assert [unit["state"] for unit in kept["units"] if unit["reason"]] == ["failed", "failed"]
    assert kept["experiment"] == ""

    (world.root / "snli" / "snli_1.0_train.jsonl").write_bytes((toy_world.root / "snli" / "snli_1.0_train.jsonl").read_bytes())
    code, out, err = run_cell("-m", *options(world, tmp_path), *grid, "worker=inline")
    assert code == 0, err
    assert "reading snli train once, before training" in err, "what was good is not read again"
    assert len(trained(err)) == 2, "snli, and pawsx after it; the baselines were there"
    assert len(read_results(tmp_path / "out" / "results")) == 4


def test_a_failed_intermediate_blocks_its_cells(
    run_cell: Cell, toy_world: Any, tmp_path: Path, compose_config: Callable[..., Any]
) -> None:
    chosen = options(toy_world, tmp_path)
    planned = phases.plan(resolve(compose_config(*chosen, "+intermediate=snli", "+target=pawsx")))
    planned.training[0].paths.lock.mkdir(parents=True)  # a folder cannot be locked
    code, out, err = run_cell("-m", *chosen, "+intermediate=snli", "+target=pawsx,tatoeba")
    assert code == 1 and "Traceback" not in out + err, out + err
    told = [line for line in out.splitlines() if line.startswith(("failed ", "blocked "))]
    assert [line.split()[0] for line in told] == ["failed", "blocked", "blocked", "blocked"]
    assert "cannot lock" in told[0] and all(line.endswith("phase 2: snli failed") for line in told[1:])
    kept = json.loads(sweep_summary(tmp_path / "out").read_text())
    assert [unit["state"] for unit in kept["units"]] == ["failed", "blocked", "blocked", "blocked"]


@pytest.mark.long
def test_the_preview_says_what_is_there_what_is_stale_and_why_and_does_nothing(
    run_cell: Cell, toy_world: Any, tmp_path: Path, repository: Path
) -> None:
    def plan(*more: str) -> str:
        words = [sys.executable, "-m", "xstilts", "plan", *options(toy_world, tmp_path), *more]
        ran = subprocess.run(words, cwd=repository, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        return " ".join(ran.stdout.split())

    grid = ("+intermediate=none,snli", "+target=xnli,mlqa,xquad")
    fresh = plan(*grid)
    assert "6 cells; 5 training phases, where every cell by itself would take 9" in fresh
    assert "wave 1 phase 2: snli 0 1 4" in fresh and "evaluations phase 4: xquad 0 2" in fresh
    assert not (tmp_path / "store" / "trained").exists() and not (tmp_path / "out").exists()
    code, _, err = run_cell("-m", *options(toy_world, tmp_path), "+intermediate=snli", "+target=xnli", "worker=inline")
    assert code == 0, err
    after = plan(*grid)
    assert "wave 1 phase 2: snli 1 0 4" in after and "evaluations phase 4: xnli 1 1" in after
    stale = plan(*grid, "intermediate.recipe.learning_rate=7e-5")
    assert "hyperparameters.learning_rate: got 1e-05, asked for 7e-05" in stale
    metadata = next((tmp_path / "store" / "trained").glob("*/metadata.json"))
    assert json.loads(metadata.read_text())["identity"]["kind"] == "training"
