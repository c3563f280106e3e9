"""`trainer.devices=N` on the command line: the numbers of one device, for every kind of training step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from xstilts.store.artifacts import read_metadata
from xstilts.store.results import read_predictions, read_results

pytestmark = pytest.mark.long

Cell = Callable[..., tuple[int, str, str]]
EXACT = tuple(
    f"{phase}.recipe.{setting}" for phase in ("intermediate", "target") for setting in ("head_dropout=0", "adam_epsilon=1e-3")
)


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, *EXACT, "model.tiny.dropout=0", f"store.root={place / 'store'}", f"output={place / 'out'}")


@pytest.mark.parametrize(
    ("overrides", "devices"),
    [
        # Each step trains one of two heads, and the other has no gradient.
        (("+intermediate=[snli,mlm]", "+target=tatoeba", "intermediate.recipe.max_steps=8"), 2),
        (("+target=pawsx", "target.recipe.max_steps=8", "model.trim_vocabulary=true"), 2),
        (("+target=pawsx", "model.adapter=lora", "target.recipe.learning_rate=1e-2"), 2),
    ],
    ids=["two tasks", "trimmed vocabulary", "adapter"],
)
def test_several_devices_give_the_numbers_of_one(
    overrides: tuple[str, ...], devices: int, run_cell: Cell, run_inline: Any, toy_world: Any, tmp_path: Path
) -> None:
    one = run_inline(*options(toy_world, tmp_path / "one"), *overrides)
    code, _, err = run_cell(*options(toy_world, tmp_path / "many"), *overrides, "trainer=ddp", f"trainer.devices={devices}")
    assert code == 0, err
    (many,) = read_results(tmp_path / "many" / "out" / "results")
    assert many["artifacts"] == one.result["artifacts"], "the number of devices changes no fingerprint"
    for artifact in many["artifacts"]:
        folders = [tmp_path / name / "store" / artifact["kind"] / artifact["fingerprint"] for name in ("one", "many")]
        for file in ("model.safetensors", "heads.safetensors"):
            mine, theirs = (load_file(folder / file) for folder in folders)
            assert mine.keys() == theirs.keys()
            for name, expected in mine.items():
                assert abs(theirs[name] - expected).max() <= 1e-5 * max(abs(expected).max(), 1e-3), name
        first, second = (read_metadata(folder)["validation"] for folder in folders)
        assert [step.keys() for step in first] == [step.keys() for step in second]
        for ours, others in zip(first, second, strict=True):
            assert others == pytest.approx(ours, rel=1e-4)
    predictions = [
        sorted(map(json.dumps, read_predictions(file)))
        for place in ("one", "many")
        for file in (tmp_path / place / "out" / "predictions").iterdir()
    ]
    assert predictions[0] == predictions[1], "every example once, with the same answer"
    # Weights that differ in their last digits change a rounded probability now and then, and with it the calibration error.
    assert many["rows"] == [pytest.approx(row, abs=0.1) for row in one.result["rows"]]


def test_all_processes_stop_with_one_line_when_training_diverges(run_cell: Cell, toy_world: Any, tmp_path: Path) -> None:
    diverging = ("+target=pawsx", "target.recipe.learning_rate=1e38", "target.recipe.warmup_fraction=0")
    code, out, err = run_cell(*options(toy_world, tmp_path), *diverging, "trainer=ddp", "trainer.devices=2")
    assert (code, out) == (2, ""), err
    (line,) = (line for line in err.splitlines() if not line.startswith(("phase ", "reading ")))
    assert line.startswith("error: training diverged in step ")
    assert not list((tmp_path / "store").glob("trained/[!.]*"))
