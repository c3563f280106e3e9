"""Sweeps of real cells with the launchers, as a user types them."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.store.results import read_results

Cell = Callable[..., tuple[int, str, str]]


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def targets(place: Path) -> list[str]:
    return sorted(result["cell"]["target"] for result in read_results(place / "out" / "results"))


@pytest.mark.long
def test_local_runs_a_sweep_two_at_once(run_cell: Cell, run_inline: Any, toy_world: Any, tmp_path: Path) -> None:
    own = tmp_path / "own" / "trainer"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# Mine.\ndefaults: [default]\nmax_eval_tokens: 4000\n")
    sweep = ("+target=pawsx,tatoeba", "trainer=mine", "trainer.accelerator=cpu", "worker=inline")
    launcher = ("hydra/launcher=local", "hydra.launcher.processes=2", f"--config-dir={own.parent}")
    code, _, err = run_cell("-m", *options(toy_world, tmp_path), *sweep, *launcher)
    assert code == 0, err
    assert targets(tmp_path) == ["pawsx", "tatoeba"]
    results = read_results(tmp_path / "out" / "results")
    assert {result["config"]["trainer"]["max_eval_tokens"] for result in results} == {4000}, "from --config-dir"
    logs = sorted((tmp_path / "out" / "hydra" / "local").iterdir())
    starts, ends = (re.findall(rf"^job (\d+) {word}", err, re.MULTILINE) for word in ("starts", "ends after"))
    assert sorted(starts) == sorted(ends) == [log.stem for log in logs], err
    assert "hydra.launcher" not in "".join(log.read_text() for log in logs)
    inline = run_inline(*options(toy_world, tmp_path / "inline"), "+target=pawsx")
    (same,) = [result for result in results if result["fingerprint"] == inline.result["fingerprint"]]
    assert same["rows"] == inline.result["rows"]


@pytest.mark.long
def test_a_killed_job_of_local_is_lost_and_no_other(start_cell: Any, toy_world: Any, tmp_path: Path) -> None:
    sweep = ("+target=pawsx,tatoeba", "worker=inline", "hydra/launcher=local", "hydra.launcher.processes=2")
    driver = start_cell("-m", *options(toy_world, tmp_path), *sweep)
    os.kill(job_with(tmp_path, "+target=pawsx", "stop_after="), signal.SIGKILL)
    _, err = driver.communicate(timeout=300)
    assert driver.returncode not in (0, None), err
    assert "lost: signal SIGKILL" in err and "Traceback" not in err
    assert targets(tmp_path) == ["tatoeba"]


def test_ctrl_c_ends_local_with_all_its_jobs(start_cell: Any, toy_world: Any, tmp_path: Path) -> None:
    sweep = ("+target=pawsx,xnli", "hydra/launcher=local", "hydra.launcher.processes=2", "target.recipe.max_steps=100000")
    driver = start_cell("-m", *options(toy_world, tmp_path), *sweep)
    job_with(tmp_path, "xstilts.worker")
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=120)
    assert driver.returncode == 130 and "Traceback" not in out + err, err
    assert len(re.findall(r"^interrupted .*: stopped by SIGINT: .*; rerun the command to continue$", out, re.MULTILINE)) == 2, out
    assert err.splitlines()[-1] == "stopped by SIGINT: finished work is kept; rerun the command to continue"
    assert not running(tmp_path)


@pytest.mark.long
def test_slurm_local_runs_a_sweep(run_cell: Cell, toy_world: Any, tmp_path: Path) -> None:
    sweep = ("+target=pawsx,tatoeba", "worker=inline", "hydra/launcher=slurm_local")
    code, _, err = run_cell("-m", *options(toy_world, tmp_path), *sweep)
    assert code == 0, err
    assert targets(tmp_path) == ["pawsx", "tatoeba"]
    assert list((tmp_path / "out" / "hydra" / "slurm").glob("*_log.out"))


def running(place: Path) -> dict[int, str]:
    """The processes whose command line names the folder."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(place) in words:
            found[int(process.name)] = words
    return found


def job_with(place: Path, *words: str) -> int:
    """The first process in whose command line all the words are, once it is there."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        for number, line in running(place).items():
            if all(word in line for word in words):
                return number
        time.sleep(0.1)
    raise AssertionError(f"no {words} among {running(place)}")
