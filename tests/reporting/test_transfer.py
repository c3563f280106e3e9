"""A study compared, from result and prediction files that are made up here."""

import os
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import UserError
from xstilts.paths import CellPaths, cell_name
from xstilts.reporting.comparison import comparisons
from xstilts.reporting.transfer import Block, language_groups, transfer_blocks
from xstilts.reporting.transfer_table import GAIN_EXPLAINED, SEEDS_EXPLAINED, transfer_table
from xstilts.store.results import write_predictions, write_result

WORLD: dict[str, dict[str, Any]] = {
    "qaa": {},
    "qab": {"negation": "after", "time": "last"},
    "qae": {"text": 0.15},
    "qaf": {"order": "SOV", "adposition": "after", "case": "suffix", "determiner": False},
}
BABEL = {"source": "babel", "world": {"seed": 0, "languages": WORLD}}
RIGHT = {"qaa": 8, "qab": 6, "qae": 5, "qaf": 3}


def write_cell(
    study: Path,
    intermediate: str = "none",
    right: dict[str, int] | None = None,
    seed: int = 1,
    target: str = "xnli",
    data: dict[str, Any] | None = None,
    layers: tuple[int | None, ...] = (None,),
    tasks: dict[str, Any] | None = None,
    source: str | None = "qaa",
) -> None:
    """A cell of accuracy over ten test items; `right`: language -> how many of them, the first ones, are right."""
    right = RIGHT if right is None else right
    rows = [
        {"task": target, "language": code, "split": split, "metric": "accuracy", "examples": 10}
        | {"value": 10.0 * correct - 10.0 * (layer or 0) if split == "test" else 0.0}
        | ({} if layer is None else {"layer": layer, "pooling": "mean"})
        for layer in layers
        for split in ("validation", "test")
        for code, correct in right.items()
    ]
    fingerprint = f"{abs(hash((intermediate, seed, target, str(data), str(tasks)))):016x}"
    paths = CellPaths(study, cell_name([] if intermediate == "none" else [intermediate], target, seed, fingerprint))
    cell = {"study": "s", "intermediate": [intermediate], "target": target, "seed": seed, "model": "tiny", "recipe": "babel"}
    config = {
        "seed": seed,
        "data": data or BABEL,
        "target": {"task": {"name": target, "metrics": ["accuracy"]}},
        "intermediate": {"tasks": tasks or {}},
    }
    write_predictions(
        paths.predictions,
        [
            {"task": target, "language": code, "split": "test", "id": f"{n}", "prediction": int(n < correct), "gold": 1}
            for code, correct in right.items()
            for n in range(10)
        ],
    )
    result = {"schema": 1, "fingerprint": fingerprint, "artifacts": [], "rows": rows, "degenerate": [], "versions": {}}
    write_result(paths.result, result | {"cell": cell | ({"source_language": source} if source else {}), "config": config})


def only(blocks: list[Block]) -> Block:
    (block,) = blocks
    return block


def test_the_whole_table(tmp_path: Path) -> None:
    write_cell(tmp_path, "squad_v1", {"qaa": 9, "qab": 9, "qae": 5, "qaf": 3})
    write_cell(tmp_path)
    assert transfer_table(tmp_path) == (
        "xnli, test, accuracy\n"
        "\n"
        "                                         low-      mean of   transfer   gain                gain in the\n"
        " intermediate    qaa   near    far   resource   the others        gap   qaa                 mean of the others\n"
        " ─────────────────────────────────────────────────────────────────────────────────────────────────────────────\n"
        " none           80.0   60.0   30.0       50.0         46.7       33.3\n"
        " squad_v1       90.0   90.0   30.0       50.0         56.7       33.3   +10.0 [0.0, 30.0]   +10.0 [3.3, 20.0]\n"
        "\n"
        "near: qab; far: qaf; low-resource: qae\n"
        f"{GAIN_EXPLAINED}\n"
    )
    assert all(len(line) <= 40 for line in transfer_table(tmp_path, width=40).splitlines())


def test_of_seeds_the_mean_and_the_spread(tmp_path: Path) -> None:
    for seed, gained in ((1, 0), (2, 2), (3, 1)):
        write_cell(tmp_path, seed=seed)
        write_cell(tmp_path, "mnli", RIGHT | {"qaa": RIGHT["qaa"] + gained}, seed=seed)
    baseline, line = only(transfer_blocks(tmp_path)).lines
    assert (baseline.name, line.name, line.seeds) == ("none", "mnli", [1, 2, 3])
    assert baseline.gains == {} and line.scores["qaa"] == pytest.approx(90)
    assert line.gains["qaa"].by_seed == {1: pytest.approx(0), 2: pytest.approx(20), 3: pytest.approx(10)}
    assert line.gains["mean of the others"].value == pytest.approx(0)
    text = transfer_table(tmp_path)
    assert "1 2 3" in text and "(+0.0 to +20.0)" in text and text.endswith(f"{SEEDS_EXPLAINED}\n")


def test_without_the_baseline_there_is_no_gain(tmp_path: Path) -> None:
    write_cell(tmp_path, "mnli")
    write_cell(tmp_path, "qqp")
    block = only(transfer_blocks(tmp_path))
    assert [line.name for line in block.lines] == ["mnli", "qqp"] and not any(line.gains for line in block.lines)
    assert "gain" not in transfer_table(tmp_path)


def test_cells_of_two_worlds_are_not_compared(tmp_path: Path) -> None:
    other = {"source": "babel", "root": "/elsewhere", "world": {"seed": 1, "languages": WORLD}}
    write_cell(tmp_path)
    write_cell(tmp_path, "mnli", data=other)
    blocks = transfer_blocks(tmp_path)
    assert sorted(block.title for block in blocks) == [
        "xnli data.world.seed=0, test, accuracy",
        "xnli data.world.seed=1, test, accuracy",
    ]
    assert not any(line.gains for block in blocks for line in block.lines)


def test_two_amounts_of_one_intermediate_task_are_two_rows(tmp_path: Path) -> None:
    write_cell(tmp_path)
    for number in (100, 200):
        used = {"mnli": {"max_examples": number, "languages": ["qaa"], "task": {"name": "mnli"}}}
        write_cell(tmp_path, "mnli", RIGHT | {"qab": number // 50}, tasks=used)
    lines = only(transfer_blocks(tmp_path)).lines
    assert [line.name for line in lines] == ["none", "mnli mnli.max_examples=100", "mnli mnli.max_examples=200"]
    assert [line.scores["near"] for line in lines] == [60, 20, 40]


def test_a_retrieval_target_has_a_block_per_layer_and_no_source_score(tmp_path: Path) -> None:
    others = {code: correct for code, correct in RIGHT.items() if code != "qaa"}
    write_cell(tmp_path, right=others, target="tatoeba", layers=(0, 1))
    write_cell(tmp_path, "mnli", right=others, target="tatoeba", layers=(0, 1))
    first, second = transfer_blocks(tmp_path)
    assert first.title.endswith("accuracy, layer 0, mean") and second.title.endswith("accuracy, layer 1, mean")
    assert second.lines[0].scores["near"] == 50
    assert set(first.lines[1].gains) == {"mean of the others"} and not second.lines[1].gains  # predictions are of the first layer
    assert "transfer" not in transfer_table(tmp_path)


def test_real_languages_have_no_groups(tmp_path: Path) -> None:
    hub = {"source": "hub", "world": {"languages": {}}}
    write_cell(tmp_path, right={"en": 9, "de": 7, "sw": 3}, data=hub, source=None)
    block = only(transfer_blocks(tmp_path))
    assert (block.source, block.groups) == ("en", {})
    assert block.lines[0].scores == {"en": 90, "mean of the others": 50, "transfer gap": 40}


def test_groups_follow_the_worlds_parameters(tmp_path: Path) -> None:
    for source in ("qaa", "en"):
        write_cell(tmp_path / source, source=source)
    (synthetic,), (unknown,) = comparisons(tmp_path / "qaa"), comparisons(tmp_path / "en")
    assert language_groups(synthetic) == {"near": ["qab"], "far": ["qaf"], "low-resource": ["qae"]}
    assert language_groups(unknown) == {}


def test_seeds_that_are_worlds_are_averaged_and_the_note_says_so(tmp_path: Path) -> None:
    for seed in (1, 2):
        world = {"source": "babel", "world": {"seed": seed, "languages": WORLD}}
        write_cell(tmp_path, right=RIGHT | {"qaa": 4 + seed}, seed=seed, data=world)
    block = only(transfer_blocks(tmp_path))
    assert block.title == "xnli, test, accuracy" and block.lines[0].scores["qaa"] == 55
    assert transfer_table(tmp_path).endswith(f"{SEEDS_EXPLAINED}; every seed is another world\n")
    write_cell(tmp_path, right=RIGHT | {"qaa": 0}, seed=3)  # in world 0
    assert len(transfer_blocks(tmp_path)) == 3


def test_a_folder_without_results(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(UserError, match="^no results in .*results: run the cells of the study first$"):
        transfer_blocks(tmp_path)


def test_of_two_results_of_one_description_the_newest_counts(tmp_path: Path) -> None:
    write_cell(tmp_path)
    (old,) = (tmp_path / "results").iterdir()
    os.utime(old, (1, 1))
    write_cell(tmp_path, right=RIGHT | {"qaa": 1}, data=BABEL | {"root": "/elsewhere"})
    block = only(transfer_blocks(tmp_path))
    assert [line.scores["qaa"] for line in block.lines] == [10] and block.left_out == [old.stem]
    assert transfer_table(tmp_path).endswith(f"\nleft out, as there is a newer result of the same description: {old.stem}\n")
