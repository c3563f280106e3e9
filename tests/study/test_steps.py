"""A plan says whether all choices have as many steps in phase 2."""

from pathlib import Path

import pytest

import xstilts


def lines(place: Path, *overrides: str) -> list[str]:
    """Lines of a plan, without a download, that are about phase 2."""
    places = f"store.root={place}/store", f"output={place}/out"
    return [line for line in str(xstilts.plan("+target=tatoeba", *overrides, *places)).splitlines() if "phase 2 " in line]


@pytest.mark.slow
def test_choices_with_as_many_steps_and_with_others(tmp_path: Path) -> None:
    grid = ("data=babel", "+intermediate=none,snli,pawsx")
    (unequal,) = lines(tmp_path, *grid)
    assert unequal.startswith(
        "warning: phase 2 has unequal steps (1,200: snli; 800: pawsx); intermediate.recipe.max_steps=N gives"
    )
    assert lines(tmp_path, *grid, "intermediate.recipe.max_steps=300") == ["phase 2 has 300 steps in every choice"]
    assert lines(tmp_path, "data=babel", "+intermediate=none") == []


@pytest.mark.slow
def test_sizes_of_one_task_and_early_stopping(tmp_path: Path) -> None:
    grid = ("+intermediate=none,mnli", "intermediate.max_examples=3200,6400")
    (unequal,) = lines(tmp_path, *grid)
    assert unequal.startswith("warning: phase 2 has unequal steps (200 or 400: mnli); ")
    equal, early = lines(tmp_path, *grid, "intermediate.recipe.max_steps=300")
    assert equal == "phase 2 has 300 steps in every choice"
    assert early.endswith("type intermediate.recipe.selection=last intermediate.recipe.patience=0 too")
    last = ("intermediate.recipe.selection=last", "intermediate.recipe.patience=0")
    assert len(lines(tmp_path, *grid, "intermediate.recipe.max_steps=300", *last)) == 1
