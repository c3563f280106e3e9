"""A sweep reads all data before its first job, and leaves out the cells that need bad data. Whole sweeps: integration."""

from typing import Any

import pytest

from xstilts import errors
from xstilts.config import Config, DataConfig
from xstilts.errors import UserError, combined
from xstilts.jobs import UnreadSplit
from xstilts.sources import TaskSource
from xstilts.sources.splits import DataSplit
from xstilts.study import sweep
from xstilts.study.grid import PlannedCell
from xstilts.tasks.declaration import Source, Task

NEEDS: dict[str, list[str]] = {"a": ["mnli", "xnli"], "b": ["mnli", "pawsx"], "c": ["pawsx"], "d": ["xnli"], "finished": []}


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> list[PlannedCell]:
    """Cells that need some splits; one with a problem already."""
    source = TaskSource(Task(name="t"), "files", Source(), DataConfig())

    def unread(plan: Any) -> list[UnreadSplit]:
        return [UnreadSplit(source, DataSplit("test", ["en"]), mark=mark) for mark in NEEDS[plan]]

    monkeypatch.setattr(sweep, "unread_data", unread)
    planned: list[Any] = [PlannedCell((f"name={name}",), Config(study=name), name) for name in NEEDS]  # type: ignore[arg-type]
    return [*planned, PlannedCell(("name=e",), problem="refused before")]


def checked(monkeypatch: pytest.MonkeyPatch, cells: list[PlannedCell], wrong: dict[str, list[str]] | Exception) -> list[str]:
    """The problems of the cells after the check of their data."""
    asked: list[list[str]] = []

    def problems(splits: list[UnreadSplit], config: Config) -> dict[str, list[str]]:
        asked.append([split.mark for split in splits])
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    monkeypatch.setattr(sweep, "data_problems", problems)
    found = sweep._with_data_checked(cells)
    assert asked == [["mnli", "xnli", "pawsx"]], "each split once"
    assert [cell.overrides for cell in found] == [cell.overrides for cell in cells]
    assert [cell.config for cell in found] == [cell.config for cell in cells], "which say where the summary goes"
    assert all(bool(cell.plan) != bool(cell.problem) for cell in found)
    return [cell.problem for cell in found]


def test_good_data_changes_nothing(monkeypatch: pytest.MonkeyPatch, cells: list[PlannedCell]) -> None:
    assert checked(monkeypatch, cells, {}) == ["", "", "", "", "", "refused before"]


def test_bad_data_keeps_back_the_cells_that_need_it(monkeypatch: pytest.MonkeyPatch, cells: list[PlannedCell]) -> None:
    wrong = {"xnli": ["xnli/test-de.tsv:2: bad", "xnli/test-fr.tsv:1: bad"], "pawsx": ["pawsx: none"]}
    both = "xnli/test-de.tsv:2: bad\nxnli/test-fr.tsv:1: bad"
    assert checked(monkeypatch, cells, wrong) == [both, "pawsx: none", "pawsx: none", both, "", "refused before"]


def test_a_reading_that_fails_is_told_once(monkeypatch: pytest.MonkeyPatch, cells: list[PlannedCell]) -> None:
    killed = "reading mnli failed with signal SIGKILL"
    assert checked(monkeypatch, cells, UserError(killed)) == [killed] * 4 + ["", "refused before"]


@pytest.mark.parametrize(
    ("count", "last"), [(1, "0"), (errors.SCREEN, "19"), (errors.SCREEN + 5, "and 6 more problems of this kind")]
)
def test_at_most_a_screen_of_problems(count: int, last: str) -> None:
    lines = str(combined(str(number % count) for number in range(2 * count))).splitlines()
    assert lines[0] == "0" and lines[-1] == last and len(lines) <= errors.SCREEN
