"""A cell with logger=wandb: what a person would see in W&B, read back from what it wrote or as a stand-in server received it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RunCell = Callable[..., tuple[int, str, str]]
SMALL = ("+intermediate=snli", "+target=xnli", "logger=wandb", "logger.every_n_steps=1", "target.max_test_examples=6")
PHASES = ("phase 2: snli, seed 1", "phase 3: snli > mnli, seed 1", "snli > xnli, seed 1")


@pytest.fixture
def options(toy_world: Any, tmp_path: Path) -> tuple[str, ...]:
    return (*toy_world.options, *SMALL, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "study=small")


def result_of(output: Path) -> dict[str, Any]:
    (path,) = (output / "results").glob("*.json")
    return json.loads(path.read_text())


@pytest.mark.long
def test_offline(run_cell: RunCell, options: tuple[str, ...], offline_runs: Any, tmp_path: Path) -> None:
    code, _, error = run_cell(*options)
    assert code == 0, error
    assert error.count("W&B is offline: WANDB_MODE=offline; upload with: wandb sync ") == 3
    runs, result = offline_runs(tmp_path / "out"), result_of(tmp_path / "out")
    assert set(runs) == set(PHASES)
    second, third, evaluation = (runs[name] for name in PHASES)
    trained = [artifact["fingerprint"] for artifact in result["artifacts"]]

    assert [run.id for run in (second, third)] == [fingerprint[:16] for fingerprint in trained]
    assert {run.group for run in runs.values()} == {"small"} and {run.project for run in runs.values()} == {"xstilts"}
    assert [run.job_type for run in (second, third, evaluation)] == ["phase 2", "phase 3", "evaluation"]
    assert second.tags == ["snli", "seed 1", "tiny", "jiant"]
    assert evaluation.tags == ["snli", "xnli", "seed 1", "tiny", "jiant"]
    assert second.config["identity"]["seed"] == 1 and second.config["fingerprint"] == trained[0]
    assert evaluation.config["config"]["target"]["task"]["name"] == "xnli"
    assert [run.exit_code for run in runs.values()] == [0, 0, 0]

    assert [step for step, _ in second.curve("train/loss/snli")] == [0, 1, 2, 3]
    assert second.x_axis["*"] == "trainer/global_step"
    for name in ("examples_per_second", "tokens_per_second", "seconds_per_step"):
        assert all(value > 0 for _, value in second.curve(f"throughput/{name}"))
    assert second.curve("validation/score")

    columns, rows = evaluation.table("scores")
    assert rows == [[row.get(column) for column in columns] for row in result["rows"]]
    scores = {
        row["language"]: row["value"] for row in result["rows"] if (row["split"], row["metric"]) == ("validation", "accuracy")
    }
    others = (scores["de"] + scores["fr"]) / 2
    assert evaluation.summary["validation/accuracy/de"] == pytest.approx(scores["de"])
    assert evaluation.summary["validation/accuracy/transfer gap"] == pytest.approx(scores["en"] - others)
    assert evaluation.summary["xnli/mean of the others"] == pytest.approx(others)
    assert evaluation.table("transfer gap_table")[1][-1] == ["mean of the others", pytest.approx(scores["en"] - others)]

    assert (second.made, second.used) == ([f"phase-2-snli-{trained[0][:8]}"], [])
    assert (third.used, third.made) == (second.made, [f"phase-3-mnli-{trained[1][:8]}"])
    assert third.made[0] in evaluation.used
    assert third.references[second.made[0]] == second.references[second.made[0]]
    assert all(place.startswith("file:///") for place in second.references[second.made[0]])
    assert not list((tmp_path / "out" / "wandb").glob("*.history.jsonl"))


@pytest.mark.long
def test_online(run_cell: RunCell, options: tuple[str, ...], wandb_server: Any, tmp_path: Path) -> None:
    code, _, error = run_cell(*options)
    assert code == 0, error
    runs = {seen.told["displayName"]: seen for seen in wandb_server.runs.values()}
    assert set(runs) == set(PHASES) and all(f"{name}: http" in error for name in PHASES)
    assert [runs[name].told["jobType"] for name in PHASES] == ["phase 2", "phase 3", "evaluation"]
    assert [row["trainer/global_step"] for row in runs[PHASES[0]].history if "train/loss/snli" in row] == [0, 1, 2, 3]
    assert runs[PHASES[2]].summary["xnli/en"] == runs[PHASES[2]].summary["score/en"]
    assert {seen.exit_code for seen in runs.values()} == {0}
    assert len(wandb_server.variables("UseArtifact")) == 2
    weights = {path.read_bytes() for path in (tmp_path / "store" / "trained").glob("*/*.safetensors")}
    assert weights and not weights & set(wandb_server.uploads)


@pytest.mark.slow
def test_nobody_logged_in(
    run_cell: RunCell, options: tuple[str, ...], wandb_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    code, _, error = run_cell(*options, "logger.offline=false")
    assert code == 2 and not (tmp_path / "out" / "results").exists()
    assert error.splitlines()[-1] == (
        "error: logger.offline=false, but nobody is logged in to W&B: type `wandb login`, or set WANDB_API_KEY, or leave out "
        "logger.offline"
    )
