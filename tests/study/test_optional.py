"""Alternatives of a study whose data does not exist are left out, with one line; those that only have other problems are not."""

import logging
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from xstilts import config
from xstilts.paths import conf_dir
from xstilts.study.optional import without_impossible

NONE = ("+intermediate=none", "intermediate.name=none", "+target=xnli")


def alternative(name: str, *overrides: str) -> tuple[str, ...]:
    return (*overrides, f"intermediate.name={name}", "+target=xnli")


@pytest.fixture
def left(caplog: pytest.LogCaptureFixture) -> Any:
    """left(cells, patterns, data) -> the alternatives that stay, and the messages."""
    caplog.set_level(logging.INFO, "xstilts")

    def names(grid: list[tuple[str, ...]], patterns: list[str], *data: str) -> tuple[list[str], list[str]]:
        caplog.clear()
        config.register()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            found = without_impossible(grid, lambda words: compose("train", [*data, *words]), patterns)
        return [cell[-2].removeprefix("intermediate.name=") for cell in found], caplog.messages

    return names


@pytest.mark.slow
def test_a_task_that_nobody_publishes_is_left_out(left: Any) -> None:
    grid = [NONE, alternative("own", "+intermediate=siqa_translated"), alternative("siqa", "+intermediate=siqa")]
    names, (line,) = left(grid, ["own"], "data=hub")
    assert names == ["none", "siqa"]
    assert line.startswith("left out, because their data does not exist: own (own: task siqa_translated cannot be read")
    assert "nobody publishes translations of Social IQa" in line
    assert left(grid, ["own"], "data=babel") == (["none", "own", "siqa"], [])


@pytest.mark.slow
def test_languages_that_a_world_does_not_have_are_left_out(left: Any) -> None:
    languages = "intermediate.tasks.xnli.languages=[${data.language_sets.xnli.%d}]"
    grid = [NONE, *(alternative(f"alone_{number}", "+intermediate=xnli", languages % number) for number in (1, 6, 7, 14))]
    names, (line,) = left(grid, ["alone_*"], "data=babel")
    assert names == ["none", "alone_1", "alone_6"] and "does not exist: alone_7, alone_14 (alone_7: " in line
    assert left(grid, ["alone_*"], "data=hub") == (["none", "alone_1", "alone_6", "alone_7", "alone_14"], [])


def test_without_a_pattern_nothing_is_composed(left: Any) -> None:
    grid = [NONE, alternative("own", "+intermediate=no_such_task")]
    assert left(grid, ["other"]) == (["none", "own"], [])
