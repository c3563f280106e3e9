import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from xstilts.errors import UserError
from xstilts.paths import NOTES, ArtifactPaths
from xstilts.store.artifacts import is_done, publish, read_metadata, remove, temporary_folder, verify

REPLACE_FOR_EVER = """
import sys
from pathlib import Path
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.store.locks import locked
final = Path(sys.argv[1])
round = 0
while True:
    round += 1
    with locked(final.with_name("lock")), temporary_folder(final) as folder:
        (folder / "sub").mkdir()
        for name in ("a", "b", "sub/c"):
            (folder / name).write_bytes(bytes([round % 256]) * 50_000)
        publish(folder, final, {"round": round})
    if round == 1:
        sys.stdout.write("go\\n"); sys.stdout.flush()
"""
KILLED_AT_EVERY_STEP = """
import itertools, os, signal, sys
from pathlib import Path
from xstilts.store.artifacts import is_done, publish, read_metadata, remove, temporary_folder, verify

final, before = Path(sys.argv[1]), sys.argv[2]

def build(round):
    with temporary_folder(final) as folder:
        (folder / "sub").mkdir()
        for name in ("a", "sub/b"):
            (folder / name).write_text(str(round))
        publish(folder, final, {"round": round})

def kill_before_step(number):
    steps = itertools.count(1)
    def hook(event, arguments):
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod") and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

for number in itertools.count(1):
    if before != "nothing" and not is_done(final):
        build(0)
    child = os.fork()
    if child == 0:
        kill_before_step(number)
        if before == "remove":
            remove(final)
        build(number)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), number
    assert is_done(final) == final.exists(), number
    if is_done(final):
        verify(final)
        assert (final / "a").read_text() == (final / "sub" / "b").read_text() == str(read_metadata(final)["round"]), number
    if code == 0:
        break
assert read_metadata(final) == {"round": number}
sys.stdout.write(str(number))
"""
BUILD_ONCE = """
import sys, time
from pathlib import Path
from xstilts.store.artifacts import is_done, publish, temporary_folder
from xstilts.store.locks import locked
final, built = Path(sys.argv[1]), Path(sys.argv[2])
with locked(final.with_name("lock")):
    if not is_done(final):
        with temporary_folder(final) as folder:
            (folder / "a").write_text("a")
            time.sleep(0.1)
            with built.open("a") as file:
                file.write("built\\n")
            publish(folder, final, {})
"""


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    final = ArtifactPaths(tmp_path / "store", "target", "0123").folder
    with temporary_folder(final) as folder:
        save_file({"weight": np.arange(6, dtype=np.float32)}, folder / "model.safetensors")
        (folder / "tokenizer").mkdir()
        (folder / "tokenizer" / "words.txt").write_text("ein Wort")
        publish(folder, final, {"phase": "target", "score": None})
    return final


def hidden(final: Path) -> list[str]:
    return sorted(name for name in os.listdir(final.parent) if name != final.name)


def test_a_published_artifact(artifact: Path) -> None:
    assert is_done(artifact)
    assert read_metadata(artifact) == {"phase": "target", "score": None}
    files = json.loads((artifact / "done.json").read_text())["files"]
    assert set(files) == {"metadata.json", "model.safetensors", "tokenizer/words.txt"}
    assert files["tokenizer/words.txt"]["bytes"] == 8
    assert load_file(artifact / "model.safetensors")["weight"].tolist() == [0, 1, 2, 3, 4, 5]
    assert hidden(artifact) == []
    verify(artifact)


def test_everybody_who_may_read_the_folder_may_read_its_files(artifact: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in artifact.rglob("*") if path.is_file()} == {0o666 & ~umask}
    assert artifact.stat().st_mode & 0o777 == 0o777 & ~umask


def test_what_is_not_published_disappears(tmp_path: Path) -> None:
    final = tmp_path / "0123"
    with pytest.raises(KeyError), temporary_folder(final) as folder:
        (folder / "a").touch()
        raise KeyError
    with temporary_folder(final) as folder:
        (folder / "a").touch()
    assert os.listdir(tmp_path) == []
    assert not is_done(final)


def test_leftovers_of_the_same_artifact_are_cleaned(tmp_path: Path) -> None:
    for name in (".0123.tmp-a", ".0123.trash-b", ".4567.tmp-c", ".0123.work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with temporary_folder(tmp_path / "0123"):
        assert len(os.listdir(tmp_path)) == 3
    assert sorted(os.listdir(tmp_path)) == [".0123.work", ".4567.tmp-c"]


def test_an_older_artifact_is_replaced(artifact: Path) -> None:
    with temporary_folder(artifact) as folder:
        (folder / "new").touch()
        assert read_metadata(artifact)["phase"] == "target"
        publish(folder, artifact, {"phase": "again"})
    assert sorted(os.listdir(artifact)) == ["done.json", "metadata.json", "new"]
    assert hidden(artifact) == []
    verify(artifact)


def test_notes_may_change_and_go_and_all_else_may_not(tmp_path: Path) -> None:
    final = tmp_path / "0123"
    with temporary_folder(final) as folder:
        (folder / "sub").mkdir()
        for name in (*NOTES, "sub/README.md"):
            (folder / name).write_text("first")
        publish(folder, final, {})
    assert set(json.loads((final / "done.json").read_text())["files"]) == {"metadata.json", "sub/README.md"}
    (final / "README.md").write_text("another text")
    (final / "scores.json").unlink()
    verify(final)
    (final / "sub" / "README.md").write_text("other")
    with pytest.raises(UserError, match="sub/README.md is altered"):
        verify(final)


def test_removal(artifact: Path) -> None:
    remove(artifact)
    assert os.listdir(artifact.parent) == []
    remove(artifact)


def test_a_truncated_file_is_found(artifact: Path) -> None:
    path = artifact / "model.safetensors"
    size = path.stat().st_size
    os.truncate(path, size - 1)
    assert is_done(artifact)
    with pytest.raises(UserError) as caught:
        verify(artifact)
    remedy = f"delete the folder {artifact}, or run again with store.refresh=all"
    assert str(caught.value) == f"{path} is truncated: got {size - 1} bytes, expected {size}; {remedy}"


def test_a_flipped_bit_is_found(artifact: Path) -> None:
    path = artifact / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors is altered: got sha256 [0-9a-f]{64}, expected [0-9a-f]{64}; delete"):
        verify(artifact)


def test_a_longer_file_is_found(artifact: Path) -> None:
    (artifact / "tokenizer" / "words.txt").write_text("ein Wort mehr")
    with pytest.raises(UserError, match=r"words\.txt is altered: got 13 bytes, expected 8; delete"):
        verify(artifact)


@pytest.mark.parametrize("name", ["model.safetensors", "metadata.json", "tokenizer/words.txt"])
def test_a_missing_file_is_found(artifact: Path, name: str) -> None:
    (artifact / name).unlink()
    with pytest.raises(UserError, match=f"^{artifact}/{name} is missing from the artifact: delete the folder {artifact}, or"):
        verify(artifact)


def test_no_artifact_at_all(tmp_path: Path) -> None:
    assert not is_done(tmp_path / "0123")
    with pytest.raises(UserError, match=f"^no list of an artifact's files at {tmp_path}/0123/done.json: delete the folder"):
        verify(tmp_path / "0123")
    with pytest.raises(UserError, match=f"^no metadata of an artifact at {tmp_path}/0123/metadata.json: delete the folder"):
        read_metadata(tmp_path / "0123")


def test_an_artifact_of_another_version(artifact: Path) -> None:
    (artifact / "done.json").write_text('{"schema": 2, "files": {}}')
    with pytest.raises(UserError, match="has schema 2, expected 1: update xstilts, or delete the folder"):
        verify(artifact)


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_artifact_or_none(tmp_path: Path) -> None:
    final, moments, found = tmp_path / "0123", random.Random(0), 0
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", REPLACE_FOR_EVER, str(final)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert is_done(final) == final.exists()
        if is_done(final):
            found += 1
            verify(final)
            round = read_metadata(final)["round"]
            assert {(final / name).read_bytes() for name in ("a", "b", "sub/c")} == {bytes([round % 256]) * 50_000}
    assert found
    with temporary_folder(final) as folder:
        publish(folder, final, {})
    assert hidden(final) == ["lock"] or hidden(final) == ["lock", "lock.holder"]


@pytest.mark.parametrize("before", ["nothing", "replace", "remove"])
def test_a_kill_before_every_single_step_leaves_a_whole_artifact_or_none(tmp_path: Path, before: str) -> None:
    words = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path / "0123"), before]
    answer = subprocess.run(words, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) > 15
    assert hidden(tmp_path / "0123") == []


def test_concurrent_jobs_build_it_once(tmp_path: Path) -> None:
    words = [sys.executable, "-c", BUILD_ONCE, str(tmp_path / "0123"), str(tmp_path / "built")]
    workers = [subprocess.Popen(words) for _ in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    assert (tmp_path / "built").read_text() == "built\n"
    verify(tmp_path / "0123")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root on Linux)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_artifact_and_nothing_else(small_disk: Path) -> None:
    final = small_disk / "0123"
    with temporary_folder(final) as folder:
        (folder / "a").write_text("old")
        publish(folder, final, {})
    expected = f"^disk full \\(No space left on device\\) while writing {final}: nothing half-written is left; free space"
    with pytest.raises(UserError, match=expected), temporary_folder(final) as folder:
        (folder / "a").write_bytes(bytes(1_000_000))
    with pytest.raises(UserError, match=expected), temporary_folder(final) as folder:
        save_file({"weight": np.zeros(250_000, dtype=np.float32)}, folder / "model.safetensors")
    with pytest.raises(UserError, match=expected), temporary_folder(final) as folder:
        publish(folder, final, {"large": "x" * 1_000_000})
    folder = small_disk / "built elsewhere"
    folder.mkdir()
    with pytest.raises(UserError, match=expected):
        publish(folder, final, {"large": "x" * 1_000_000})
    assert os.listdir(small_disk) == ["0123"]
    assert (final / "a").read_text() == "old"
    verify(final)


def test_a_file_that_is_too_large_for_the_quota(tmp_path: Path) -> None:
    final = tmp_path / "0123"
    code = (
        "import resource, sys; from pathlib import Path; from xstilts.errors import UserError\n"
        "from xstilts.store.artifacts import temporary_folder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with temporary_folder(Path(sys.argv[1])) as folder: (folder / 'a').write_bytes(bytes(20_000))\n"
        "except UserError as error: sys.stdout.write(str(error))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(final)], capture_output=True, text=True)
    assert answer.stdout.startswith(f"disk full (File too large) while writing {final}: ")
    assert answer.returncode != -signal.SIGXFSZ
    assert os.listdir(tmp_path) == []
