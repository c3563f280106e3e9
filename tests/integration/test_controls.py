"""Controls of an intermediate task in whole cells: what they train on, in how many steps, and what is shared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.data.tokenizer import load_tokenizer
from xstilts.reporting.analysis import analyse
from xstilts.reporting.example_texts import item_texts
from xstilts.store.artifacts import read_metadata
from xstilts.store.results import cell_predictions
from xstilts.training.datamodule import TaskFeatures
from xstilts.training.fit import data_of

Run = Callable[..., Any]


def data(ran: Any) -> tuple[TaskFeatures, TaskFeatures, Path]:
    """Training and validation data of phase 2, and its artifact."""
    (phase,) = plan(resolve(ran.config)).training
    read = data_of(phase.job, load_tokenizer(phase.job.tokenizer))
    read.setup("fit")
    return read.training["snli"], read.validation["snli"], phase.paths.folder


def test_shuffled_labels_change_the_training_labels_alone(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    cell = (*toy_world.options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "+target=tatoeba")
    task = (*cell, "+intermediate=snli", "intermediate.tasks.snli.max_examples=64")
    (train, valid, folder), (shuffled, same, other), (again, _, third) = (
        data(run_inline(*task, *more))
        for more in (
            (),
            ("intermediate.tasks.snli.shuffle_labels=true",),
            ("intermediate.tasks.snli.shuffle_labels=true", "seed=2"),
        )
    )
    assert len({folder, other, third}) == 3
    texts, kept = train.examples.remove_columns("label")[:], shuffled.examples.remove_columns("label")[:]
    assert texts == kept and sorted(train.examples["label"]) == sorted(shuffled.examples["label"])
    changed = sum(a != b for a, b in zip(train.examples["label"], shuffled.examples["label"], strict=True))
    assert 64 * 0.4 < changed < 64 * 0.9
    assert valid.examples[:] == same.examples[:], "validation examples keep their gold"
    assert again.examples[:] == shuffled.examples[:], "seeds share a draw"
    metadata = [read_metadata(one) for one in (folder, other)]
    assert metadata[0]["steps"] == metadata[1]["steps"]
    assert metadata[1]["data"]["snli"]["part"] == {"max_examples": 64, "shuffle_labels": True}


def test_noise_changes_the_tests_alone_and_the_report_shows_what_it_costs(
    run_inline: Run, toy_world: Any, tmp_path: Path
) -> None:
    cell = (*toy_world.options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "+target=panx")
    ran = [run_inline(*cell, "target.splits=[validation]", f"target.char_noise.rate={rate}") for rate in (0, 0.3)]
    clean, noisy = (one.result for one in ran)
    assert clean["artifacts"] == noisy["artifacts"] and clean["fingerprint"] != noisy["fingerprint"]
    assert any("character noise of seed 0 in" in line for line in ran[1].log)
    rows = [cell_predictions(tmp_path / "out", one.result) for one in ran]
    golds = [[(row["id"], row["cluster"], row["gold"]) for row in own] for own in rows]
    assert golds[0] == golds[1]
    shown = {(row["language"], row["id"]) for row in rows[0]}
    texts, changed = (item_texts(one.result, "validation", shown) for one in ran)
    assert texts.keys() == changed.keys() == shown and sum(texts[name] != changed[name] for name in shown) > len(shown) / 2
    frame = analyse(tmp_path / "out").robustness
    assert frame["noise"].tolist() == [0.0, 0.3] and frame["worst"].isin(["de", "fr"]).all()
    assert frame["loss"].notna().tolist() == [False, True]
