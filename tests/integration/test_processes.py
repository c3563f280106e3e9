"""`python -m xstilts.train` in processes of its own: several at once, from anywhere, in sweeps and over two devices."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from xstilts.store.artifacts import read_metadata
from xstilts.store.results import read_predictions, read_results

Cell = Callable[..., tuple[int, str, str]]


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def test_a_cell_from_another_folder_with_relative_paths(run_cell: Cell, run_inline: Any, toy_world: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here = tmp_path / "elsewhere"
    relative = (
        f"data.root={os.path.relpath(toy_world.root, here)}",
        f"model.tokenizer={os.path.relpath(toy_world.tokenizer, here)}",
    )
    code, out, err = run_cell(*toy_world.options, *relative, "+target=pawsx", "study=mine", cwd=here)
    assert code == 0, err
    assert sorted(path.name for path in here.iterdir()) == ["outputs", "store"]
    (result,) = read_results(here / "outputs" / "mine" / "results")
    inline = run_inline(*options(toy_world, tmp_path / "inline"), "+target=pawsx")
    assert result["rows"] == inline.result["rows"] and result["fingerprint"] == inline.result["fingerprint"]
    assert out == inline.table, "the same numbers, and nothing else on standard output"
    *phases, place, following = err.splitlines()
    assert phases == list(inline.log)[:-1], "one line per phase, no bars and no warnings"
    assert place == f"result: {next((here / 'outputs' / 'mine' / 'results').iterdir())}"
    assert following == "next: `xstilts report outputs/mine` compares all cells of this study"


def test_two_drivers_at_once_train_each_phase_once(start_cell: Any, toy_world: Any, tmp_path: Path) -> None:
    command = (*options(toy_world, tmp_path), "+intermediate=snli", "+target=pawsx", "worker=inline")
    both = [start_cell(*command) for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    lines = [line for _, err in ended for line in err.splitlines()]
    for label in ("phase 2: snli", "phase 3: pawsx"):
        assert sum(line.startswith(f"{label}: training") for line in lines) == 1, lines
    assert sum(line.endswith(": evaluating") for line in lines) == 1, lines
    assert ended[0][0] == ended[1][0] and "pawsx" in ended[0][0]
    assert len(read_results(tmp_path / "out" / "results")) == 1


def test_a_sweep_goes_on_after_a_cell_that_fails(run_cell: Cell, toy_world: Any, tmp_path: Path) -> None:
    world = toy_world.copy(tmp_path)
    (world.root / "xquad" / "xquad.de.json").write_text("{")
    code, out, err = run_cell("-m", *options(world, tmp_path), "+target=tatoeba,xquad,bucc2018,pawsx", "worker=inline")
    assert code not in (0, None), err
    assert "Traceback" not in err and "Error executing job" not in err, err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2 and "bucc2018" in errors[0] and "xquad.de.json" in errors[1], err
    assert [result["cell"]["target"] for result in read_results(tmp_path / "out" / "results")] == ["pawsx", "tatoeba"]
    assert "none -> tatoeba, seed 1" in out and "none -> pawsx, seed 1" in out


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("+target=xnly",), "error: unknown target 'xnly': did you mean xnli"),
        (
            ("+target=xnli", "target.recipe.max_length=500"),
            "error: target.training.mnli: max_length=500 is beyond the 128",
        ),
        (("+target=pawsx",), "pawsx/train-en.tsv:2: "),
    ],
    ids=["name", "option", "file"],
)
def test_bad_input_is_one_line(overrides: tuple[str, ...], expected: str, run_cell: Cell, toy_world: Any, tmp_path: Path) -> None:
    world = toy_world.copy(tmp_path)
    (world.root / "pawsx" / "train-en.tsv").write_text("a\tb\t1\r\na\tb\tc\td\te\r\n")
    code, out, err = run_cell(*options(world, tmp_path), *overrides)
    assert (code, out) == (2, "") and "Traceback" not in err
    lines = [line for line in err.splitlines() if not line.startswith(("phase ", "reading "))]
    assert len(lines) == 1 and expected in lines[0], err
    assert not list((tmp_path / "store").glob("trained/[!.]*")) and not list((tmp_path / "out").glob("results/*"))


@pytest.mark.long
def test_two_devices_give_the_numbers_of_one(run_cell: Cell, run_inline: Any, toy_world: Any, tmp_path: Path) -> None:
    same = (
        "+target=pawsx",
        "model.tiny.dropout=0",
        "target.recipe.head_dropout=0",
        "target.recipe.max_steps=10",
        "target.recipe.eval_every=5",
        "target.recipe.batch_size=10",  # 96 examples: an epoch's last step has 6
        "trainer.max_tokens=100",
    )
    one = run_inline(*options(toy_world, tmp_path / "one"), *same)
    code, _, err = run_cell(*options(toy_world, tmp_path / "two"), *same, "trainer.devices=2")
    assert code == 0, err
    (two,) = read_results(tmp_path / "two" / "out" / "results")
    (artifact,) = two["artifacts"]
    assert two["artifacts"] == one.result["artifacts"], "the number of devices changes no fingerprint"
    folders = [tmp_path / name / "store" / artifact["kind"] / artifact["fingerprint"] for name in ("one", "two")]
    for file in ("model.safetensors", "heads.safetensors"):
        mine, theirs = (load_file(folder / file) for folder in folders)
        assert mine.keys() == theirs.keys()
        for name, expected in mine.items():
            largest = abs(expected).max()
            assert abs(theirs[name] - expected).max() <= 1e-5 * max(largest, 1e-3), name
    assert read_metadata(folders[0])["validation"] == read_metadata(folders[1])["validation"]
    predictions = [
        sorted(map(json.dumps, read_predictions(file)))
        for place in ("one", "two")
        for file in (tmp_path / place / "out" / "predictions").iterdir()
    ]
    assert predictions[0] == predictions[1]
    # Weights that differ in their last digits change a rounded probability now and then, and with it the calibration error.
    assert two["rows"] == [pytest.approx(row, abs=0.1) for row in one.result["rows"]]
