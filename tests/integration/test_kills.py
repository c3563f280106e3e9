"""A sweep that is killed again and again, at random moments, ends as one that was left alone: to the bit."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.store.artifacts import verify
from xstilts.store.results import read_results

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
KILLS = int(os.environ.get("XSTILTS_KILLS", "2"))
"""More than a few take long: `XSTILTS_KILLS=20 pytest tests/integration/test_kills.py`."""


def command(world: Any, place: Path) -> tuple[str, ...]:
    grid = ("+intermediate=none,snli", "+target=xnli,tatoeba", "trainer.checkpoint_every=2")
    longer = ("intermediate.recipe.max_steps=40", "target.recipe.max_steps=40", "target.recipe.eval_every=10")
    return ("-m", *world.options, f"store.root={place / 'store'}", f"output={place / 'out'}", *grid, *longer)


def outcome(place: Path, weights_of: Callable[[Path], dict[str, str]]) -> tuple[Any, ...]:
    """All rows of all cells and all final weights."""
    rows = {(*r["cell"]["intermediate"], r["cell"]["target"]): r["rows"] for r in read_results(place / "out" / "results")}
    folders = sorted(path for path in (place / "store" / "trained").iterdir() if not path.name.startswith("."))
    return rows, {folder.name: weights_of(folder) for folder in folders}


def nothing_half_written(place: Path) -> None:
    """Assert that every file with a final name is complete."""
    for folder in (place / "store" / "trained").glob("[0-9a-f]*"):
        verify(folder)
    if (place / "out" / "results").exists():
        read_results(place / "out" / "results")


def test_killed_at_random_moments(start_cell: Any, toy_world: Any, tmp_path: Path, weights_of: Any) -> None:
    def run(place: Path, seconds: float | None) -> bool:
        """Return whether it ended before it was killed."""
        process = start_cell(*command(toy_world, place), error=subprocess.STDOUT)
        try:
            out, _ = process.communicate(timeout=seconds)
            assert process.returncode == 0, out
            return True
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False

    start = time.monotonic()
    assert run(tmp_path / "calm", None)
    whole = time.monotonic() - start
    chance, killed = random.Random(20), 0
    while killed < KILLS:
        if run(tmp_path / "stormy", chance.uniform(0.1, 0.5) * whole):
            for name in ("store", "out"):  # it was done: begin once more
                subprocess.run(["rm", "-rf", str(tmp_path / "stormy" / name)], check=True)
            continue
        killed += 1
        nothing_half_written(tmp_path / "stormy")
    assert run(tmp_path / "stormy", None)
    assert outcome(tmp_path / "stormy", weights_of) == outcome(tmp_path / "calm", weights_of)
    left = [path for path in tmp_path.rglob("*") if ".tmp-" in path.name or ".trash-" in path.name]
    assert not [path for path in left if path.parent.name == "trained"], left
