"""A region of a task's data map as an intermediate task: the training that maps it, what is taken of it, and what is shared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.data.data_maps import selected
from xstilts.data.tokenizer import load_tokenizer
from xstilts.paths import DYNAMICS
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.store.artifacts import read_metadata
from xstilts.tasks.declaration import DataMap
from xstilts.training.fit import data_of

Run = Callable[..., Any]
MAP = ("+intermediate=snli", "+target=tatoeba", "intermediate.tasks.snli.data_map.epochs=2")


def region(name: str) -> str:
    return f"intermediate.tasks.snli.data_map.region={name}"


def places(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def trained(ran: Any) -> list[str]:
    return [line.split(": training")[0] for line in ran.log if ": training " in line]


def test_the_map_is_made_once_and_each_region_trains_on_its_third(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    options = (*places(toy_world, tmp_path), *MAP)
    easy = run_inline(*options, region("easy"))
    assert trained(easy) == ["phase 2: map of snli", "phase 2: snli"]
    hard = run_inline(*options, region("hard"))
    assert trained(hard) == ["phase 2: snli"], "the map is that of the easy ones"
    whole = run_inline(*options)
    assert trained(whole) == ["phase 2: snli"] and len(whole.result["artifacts"]) == 1

    (mapped, *_), *others = ([a["fingerprint"] for a in ran.result["artifacts"]] for ran in (easy, hard, whole))
    assert others[0][0] == mapped
    assert len({ran.result["artifacts"][-1]["fingerprint"] for ran in (easy, hard, whole)}) == 3
    folder = tmp_path / "store" / "trained" / mapped
    dynamics = pq.read_table(folder / DYNAMICS)
    assert len(dynamics) == 2 * 96 and set(dynamics["epoch"].to_pylist()) == {1, 2}
    assert all(0 < value < 1 for value in dynamics["probability"].to_pylist())
    assert read_metadata(folder)["steps"] == 6, "two epochs of 96 examples, 32 in a step"

    third = run_inline(*options, "intermediate.tasks.snli.data_map.bin=3", "intermediate.tasks.snli.data_map.bins=4")
    assert trained(third) == ["phase 2: snli"], "bins share the map too"
    assert third.result["artifacts"][0]["fingerprint"] == mapped
    part = read_metadata(tmp_path / "store" / "trained" / third.result["artifacts"][-1]["fingerprint"])["data"]["snli"]
    assert part["part"] == {"bin": "3 of 4", "data map": mapped} and part["examples"] == 24

    used = easy.config.intermediate.tasks["snli"]
    everything = load(source_of(used.task, easy.config.data), used.train, used.languages)
    for ran, name in ((easy, "easy"), (hard, "hard")):
        phase = plan(resolve(ran.config)).training[-1]
        assert phase.job.tasks["snli"].map == str(folder)
        data = data_of(phase.job, load_tokenizer(phase.job.tokenizer))
        data.setup("fit")
        made = data.training["snli"]
        assert made.examples["id"][:] == selected(everything, folder / DYNAMICS, DataMap(name), "label")["id"][:]
        assert len(made.features) == 32


@pytest.mark.long
def test_several_devices_record_what_one_records(run_inline: Run, run_cell: Run, toy_world: Any, tmp_path: Path) -> None:
    exact = (*MAP, region("ambiguous"), "model.tiny.dropout=0", "intermediate.recipe.head_dropout=0")
    one = run_inline(*places(toy_world, tmp_path / "one"), *exact)
    code, _, err = run_cell(*places(toy_world, tmp_path / "two"), *exact, "trainer=ddp", "trainer.devices=2")
    assert code == 0, err
    name = Path("store") / "trained" / one.result["artifacts"][0]["fingerprint"] / DYNAMICS
    tables = [pq.read_table(tmp_path / place / name).to_pylist() for place in ("one", "two")]
    assert [(row["id"], row["epoch"]) for row in tables[0]] == [(row["id"], row["epoch"]) for row in tables[1]]
    for ours, others in zip(*tables, strict=True):
        assert others["probability"] == pytest.approx(ours["probability"], rel=1e-3)
