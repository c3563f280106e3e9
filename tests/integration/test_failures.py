"""Failures in the middle of the work: one clear line, nothing half-written, and finished work stays."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from xstilts.cell import phases
from xstilts.errors import UserError
from xstilts.store.results import read_results

Run = Callable[..., Any]
DIVERGING = ("+target=pawsx", "target.recipe.learning_rate=1e38", "target.recipe.schedule=constant")


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """mounted(options, folder) mounts a small file system, or changes how a mounted one is mounted."""
    mount, folders = shutil.which("mount"), []

    def run(how: str, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        words = [mount or "mount", "-t", "tmpfs", "-o", how, "tmpfs", str(folder)]
        if mount is None or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("a file system cannot be mounted here (needs root on Linux)")
        folders.append(folder)
        return folder

    yield run
    for folder in set(folders):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_training_that_diverges_names_the_step_and_its_examples(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    command = (*options(toy_world, tmp_path), *DIVERGING, "target.recipe.warmup_steps=3", "trainer.checkpoint_every=1")
    with pytest.raises(UserError) as caught:
        run_inline(*command)
    message = str(caught.value)
    found = re.match(
        r"training diverged in step (\d) of 4: loss \S+, norm of the gradient \S+; task pawsx, examples (.*?);", message
    )
    assert found, message
    ids = found.group(2).split()
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"en-train-\d+|\S*\d+", identifier) for identifier in ids)
    assert "type target.recipe.learning_rate=5e+37" in message and "end here again" in message and "\n" not in message
    assert not list((tmp_path / "store").glob("trained/[!.]*")) and not list((tmp_path / "out").glob("results/*"))
    (checkpoint,) = (tmp_path / "store").glob("trained/.*.work/last.ckpt")

    with pytest.raises(UserError, match=f"^training diverged in step {found.group(1)} of 4: "):
        run_inline(*command)
    assert checkpoint.exists()
    other = run_inline(*options(toy_world, tmp_path), "+target=pawsx", "target.recipe.learning_rate=1e-4")
    assert not any("resuming" in line for line in other.log)


@pytest.mark.slow
def test_divergence_is_one_line_and_exit_code_2(run_cell: Run, toy_world: Any, tmp_path: Path) -> None:
    code, out, err = run_cell(*options(toy_world, tmp_path), *DIVERGING, "target.recipe.warmup_steps=0")
    lines = [line for line in err.splitlines() if not line.startswith(("phase ", "reading "))]
    assert (code, out, len(lines)) == (2, "", 1) and lines[0].startswith("error: training diverged in step 2 of 4: "), err


def test_a_store_that_can_only_be_read(run_inline: Run, toy_world: Any, tmp_path: Path, mounted: Any) -> None:
    store = mounted("size=64m", tmp_path / "store")
    first = run_inline(*options(toy_world, tmp_path), "+target=pawsx")
    before = sorted(store.rglob("*"))
    mounted("remount,ro", store)
    elsewhere = run_inline(*options(toy_world, tmp_path), "+target=pawsx", f"output={tmp_path / 'elsewhere'}")
    assert elsewhere.result["rows"] == first.result["rows"]
    assert any(": reused " in line for line in elsewhere.log) and not any(": training " in line for line in elsewhere.log)
    assert not any("model card" in line for line in elsewhere.log), "its scores are noted already"
    other_split = run_inline(*options(toy_world, tmp_path), "+target=pawsx", "target.languages=[de]")
    assert {row["language"] for row in other_split.result["rows"]} == {"de"}, "features that are missing are made and not kept"
    assert sum("the scores are not in the model card of " in line for line in other_split.log) == 1
    with pytest.raises(UserError) as caught:
        run_inline(*options(toy_world, tmp_path), "+target=pawsx", "seed=2")
    assert re.match(
        rf"cannot lock {store}/trained/\S+: Read-only file system; it needs a folder that can be written \(store.root=, ",
        str(caught.value),
    )
    assert sorted(store.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("full", ["store", "out"])
def test_a_disk_that_is_full(full: str, run_inline: Run, toy_world: Any, tmp_path: Path, mounted: Any) -> None:
    """Wherever the space runs out, in a checkpoint, an artifact, features, predictions, curves or a result."""
    expected = run_inline(*options(toy_world, tmp_path / "enough"), "+target=pawsx").result["rows"]
    left = [path.stat().st_size for path in (tmp_path / "enough" / "out").rglob("*") if path.is_file()]
    beside_the_job = sum(-(-size // 4096) * 4 for size in left)
    stages = set()
    for kilobytes in (32, 300) if full == "store" else (8, beside_the_job + 20, beside_the_job + 36):
        place = tmp_path / str(kilobytes)
        place.mkdir()
        disk = mounted(f"size={kilobytes}k", place / full)
        command = (*options(toy_world, place), "+target=pawsx", "trainer.checkpoint_every=1")
        try:
            run_inline(*command)
            continue
        except UserError as error:
            assert str(error).startswith("disk full (No space left on device) while writing "), kilobytes
            stages.add(re.sub(r"[0-9a-f]{8,}", "#", str(error).split(":")[0].split("writing ")[1]).split(f"{kilobytes}/", 1)[1])
        assert not list(place.glob("out/results/*.json"))
        mounted("remount,size=64m", disk)
        assert run_inline(*command).result["rows"] == expected
    assert len(stages) >= 2, stages


def test_two_versions_of_training_share_a_store(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    command = (*options(toy_world, tmp_path), "+target=pawsx")
    old = run_inline(*command)
    with mock.patch.object(phases, "ARTIFACT_VERSION", phases.ARTIFACT_VERSION + 1):
        new = run_inline(*command)
        assert any(": training " in line for line in new.log)
        assert not any(": training " in line for line in run_inline(*command).log)
    assert new.result["fingerprint"] != old.result["fingerprint"]
    assert run_inline(*command).result == old.result
    assert len(read_results(tmp_path / "out" / "results")) == 2


@pytest.mark.parametrize("kind", ["trained", "features"])
def test_an_artifact_of_a_newer_xstilts(kind: str, run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    command = (*options(toy_world, tmp_path), "+target=pawsx")
    run_inline(*command)
    for done in (tmp_path / "store" / kind).glob("*/done.json"):
        done.write_text('{"schema": 2, "content": []}')
    with pytest.raises(UserError, match=rf"/{kind}/\w+/done.json has schema 2, expected 1: update xstilts, or delete the folder"):
        run_inline(*command, "store.refresh=results")
    assert os.listdir(tmp_path / "store" / kind)
