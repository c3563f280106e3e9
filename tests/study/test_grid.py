"""Waves: every artifact once, after what it needs; what fails blocks what needs it and nothing else."""

import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts import signals
from xstilts.cell.phases import CellPlan, Phase
from xstilts.config import Config, DataConfig, StoreConfig
from xstilts.jobs import EvaluationJob, TrainingJob
from xstilts.paths import ArtifactPaths, CellPaths
from xstilts.sources import TaskSource
from xstilts.study import grid
from xstilts.study.grid import BLOCKED, DONE, FAILED, INTERRUPTED, REUSED, WAITING, PlannedCell, waves
from xstilts.tasks.declaration import Source, Task


class Disk:
    """A store and an output folder, and what may lie there."""

    def __init__(self, folder: Path) -> None:
        self.store, self.output = folder / "store", folder / "out"

    def planned(self, chain: list[str], name: str, refresh: str = "never") -> PlannedCell:
        """A cell whose artifacts are those of `chain`, and that is called `name`."""
        phases = [Phase(TrainingJob(label=f"train {key}"), ArtifactPaths(self.store, "trained", key)) for key in chain]
        config = Config(store=StoreConfig(refresh=refresh))
        job = EvaluationJob(TaskSource(Task(name="t"), "files", Source(), DataConfig()), label=f"evaluate {name}")
        return PlannedCell((f"+cell={name}",), config, CellPlan(config, [], phases, job, CellPaths(self.output, name)))

    def file(self, key: str) -> Path:
        if key.startswith("cell"):
            return CellPaths(self.output, key).result
        return ArtifactPaths(self.store, "trained", key).folder / "done.json"

    def make(self, *keys: str) -> None:
        for key in keys:
            self.file(key).parent.mkdir(parents=True, exist_ok=True)
            self.file(key).write_text("{}")

    def remove(self, *keys: str) -> None:
        for key in keys:
            self.file(key).unlink()

    def sweep(self, cells: list[PlannedCell], broken: str = "") -> tuple[list[list[str]], list[list[grid.Unit]]]:
        """Run the waves of some cells; returns the keys that each launch was given."""
        all_waves, launched = waves(cells), []

        def launch(units: list[grid.Unit]) -> list[str | None]:
            launched.append([unit.key for unit in units])
            self.make(*(unit.key for unit in units if unit.key not in broken.split()))
            return [f"{unit.key} broke" if unit.key in broken.split() else None for unit in units]

        grid.run(all_waves, launch)
        return launched, all_waves


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def four(disk: Disk, refresh: str = "never") -> list[PlannedCell]:
    """Two intermediate tasks by two targets."""
    return [disk.planned([a, a + b], f"cell-{a}{b}", refresh) for a in "ms" for b in "xq"]


def test_every_artifact_once_and_after_what_it_needs(disk: Disk) -> None:
    more = [disk.planned(["q"], "cell-q"), disk.planned(["m"], "cell-m"), disk.planned([], "cell-bare")]
    launched, all_waves = disk.sweep([*four(disk), *more])
    results = ["cell-mx", "cell-mq", "cell-sx", "cell-sq", "cell-q", "cell-m", "cell-bare"]
    assert launched == [["m", "s", "q"], ["mx", "mq", "sx", "sq"], results]
    assert {unit.state for wave in all_waves for unit in wave} == {DONE}
    assert not grid.failures([], all_waves)


def test_what_fails_blocks_what_needs_it_and_nothing_else(disk: Disk) -> None:
    launched, all_waves = disk.sweep(four(disk), broken="m sx")
    assert launched == [["m", "s"], ["sx", "sq"], ["cell-sq"]]
    states = {unit.key: unit.state for wave in all_waves for unit in wave}
    assert states == {
        **{"m": FAILED, "s": DONE, "mx": BLOCKED, "mq": BLOCKED, "sx": FAILED, "sq": DONE},
        **{"cell-mx": BLOCKED, "cell-mq": BLOCKED, "cell-sx": BLOCKED, "cell-sq": DONE},
    }
    reasons = {unit.key: unit.reason for wave in all_waves for unit in wave}
    assert (reasons["m"], reasons["mx"], reasons["cell-mx"]) == ("m broke", "train m failed", "train m failed")
    assert len(grid.failures([], all_waves)) == 7


def test_only_what_is_missing_is_launched(disk: Disk) -> None:
    cells = four(disk)
    disk.sweep(cells)
    assert disk.sweep(cells)[0] == []
    disk.remove("cell-mx")
    assert disk.sweep(cells)[0] == [["cell-mx"]]
    disk.remove("sq", "cell-sq")
    launched, all_waves = disk.sweep(cells)
    assert launched == [["sq"], ["cell-sq"]]
    assert sum(unit.state == REUSED for wave in all_waves for unit in wave) == 8


def test_an_artifact_whose_results_all_exist_is_not_made_again(disk: Disk) -> None:
    disk.make("cell-mx")
    assert disk.sweep([disk.planned(["m", "mx"], "cell-mx")])[0] == []


def test_a_refresh_makes_everything_once_more_and_shared_parts_once(disk: Disk) -> None:
    cells = four(disk, refresh="all")
    first = disk.sweep(cells)[0]
    assert first == disk.sweep(cells)[0]
    assert [len(wave) for wave in first] == [2, 4, 4]
    jobs = [unit.job for wave in waves(cells) for unit in wave]
    assert jobs[0] == ["+cell=cell-mx", "worker=logged", "stop_after=m"]
    assert jobs[-1] == ["+cell=cell-sq", "worker=logged", "store.refresh=results"]


def test_a_job_that_left_nothing_behind_has_failed_whatever_it_says(disk: Disk) -> None:
    all_waves = waves([disk.planned(["m"], "cell")])
    grid.run(all_waves, lambda units: [None for _ in units])
    assert [unit.state for wave in all_waves for unit in wave] == [FAILED, BLOCKED]
    assert "without an error message or output" in all_waves[0][0].reason


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=3), max_size=8), st.sets(st.sampled_from("abcd")))
def test_whatever_the_grid_nothing_is_made_twice_or_too_early(chains: list[list[str]], there: set[str]) -> None:
    names = [["".join(chain[: end + 1]) for end in range(len(chain))] for chain in chains]
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(Path(folder))
        disk.make(*there)
        launched, _ = disk.sweep([disk.planned(keys, f"cell{number}") for number, keys in enumerate(names)])
        before: set[str] = set(there)
        for wave in launched:
            assert not set(wave) & before and len(set(wave)) == len(wave)
            for key in wave:
                cell = key.startswith("cell")
                needed = names[int(key.removeprefix("cell"))] if cell else [key[:end] for end in range(1, len(key))]
                assert set(needed) <= before
            before |= set(wave)
        assert {f"cell{number}" for number in range(len(chains))} <= before


def states(all_waves: list[list[grid.Unit]]) -> dict[str, str]:
    return {unit.key: unit.state for wave in all_waves for unit in wave}


@pytest.mark.parametrize("returns", [True, False], ids=["launcher returns", "launcher raises"])
def test_a_stop_signal_leaves_what_ran_interrupted_and_the_rest_not_started(
    disk: Disk, returns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "received", [])
    all_waves = waves(four(disk))
    stopped = signals.Stopped(signal.SIGTERM, "checkpoint at step 3")

    def launch(units: list[grid.Unit]) -> list[str | None]:
        signals.received.append(signal.SIGTERM)
        disk.make("m")
        if returns:
            return [None, str(stopped)]
        raise stopped

    with pytest.raises(signals.Stopped) as raised:
        grid.run(all_waves, launch)
    assert raised.value.code == 143
    later = dict.fromkeys(("mx", "mq", "sx", "sq", "cell-mx", "cell-mq", "cell-sx", "cell-sq"), WAITING)
    assert states(all_waves) == {"m": DONE, "s": INTERRUPTED} | later
    assert grid.failures([], all_waves) == ["train s s: stopped by SIGTERM: checkpoint at step 3; rerun the command to continue"]


def test_a_job_that_somebody_stopped_blocks_what_needs_it(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "received", [])
    all_waves = waves(four(disk))

    def launch(units: list[grid.Unit]) -> list[str | None]:
        disk.make(*(unit.key for unit in units if unit.key != "s"))
        return [str(signals.Stopped(signal.SIGTERM)) if unit.key == "s" else None for unit in units]

    grid.run(all_waves, launch)
    ended = states(all_waves)
    assert (ended["s"], ended["sx"], ended["cell-sq"], ended["cell-mq"]) == (INTERRUPTED, BLOCKED, BLOCKED, DONE)
    assert {unit.reason for wave in all_waves for unit in wave if unit.state == BLOCKED} == {"train s was interrupted"}
