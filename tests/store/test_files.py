import errno
import json
import os
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from xstilts.errors import UserError
from xstilts.store.files import ABANDONED, atomic_write, disk_full_as_user_error, read_json_object, write_json


def test_a_file_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "file"
    with atomic_write(final) as temporary:
        temporary.write_text("half")
        assert not final.exists()
    assert final.read_text() == "half"
    assert os.listdir(final.parent) == ["file"]


def test_a_failing_body_changes_nothing(tmp_path: Path) -> None:
    final = tmp_path / "file"
    final.write_text("old")
    with pytest.raises(KeyError), atomic_write(final) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert final.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_leftovers_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead, living, other = (tmp_path / name for name in (".a.json.tmp-0", ".a.json.tmp-1", ".b.json.tmp-0"))
    for leftover in (dead, living, other):
        leftover.touch()
    long_ago = time.time() - ABANDONED - 60
    os.utime(dead, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    write_json(tmp_path / "a.json", {})
    assert sorted(os.listdir(tmp_path)) == [".a.json.tmp-1", ".b.json.tmp-0", "a.json"]


def test_json_is_utf8_and_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ä": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ä": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no thing at {path}: do this"),
        ("[]", "{path} is no thing: expected a JSON object, got a list; do this"),
        ("null", "{path} is no thing: expected a JSON object, got null; do this"),
    ],
)
def test_a_file_that_is_no_json_object(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_json_object(path, "thing", "do this")
    assert str(caught.value) == message.format(path=path)


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff"])
def test_broken_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json is no thing: broken JSON \(.*\); do this$"):
        read_json_object(path, "thing", "do this")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_the_users_business(tmp_path: Path, number: int) -> None:
    expected = rf"^disk full \({os.strerror(number)}\) while writing {tmp_path}: nothing half-written is left; free space"
    with pytest.raises(UserError, match=expected), disk_full_as_user_error(tmp_path):
        raise OSError(number, os.strerror(number))
    with pytest.raises(UserError, match=expected), disk_full_as_user_error(tmp_path):
        raise RuntimeError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")


def test_other_errors_are_not(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk_full_as_user_error(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(RuntimeError, match="os error 13"), disk_full_as_user_error(tmp_path):
        raise RuntimeError("(os error 13)")


@pytest.fixture
def little_space() -> Iterator[None]:
    """No file grows beyond 20 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _torch(path: Path) -> None:
    with path.open("wb") as file:
        torch.save(torch.zeros(10_000), file)


VALUES = np.random.default_rng(0).random(10_000)
WRITERS: dict[str, Callable[[Path], object]] = {
    "numpy.save": lambda path: np.save(path, VALUES),
    "numpy.tofile": lambda path: VALUES.tofile(path),
    "numpy.savez": lambda path: np.savez(path, VALUES),
    "parquet": lambda path: pq.write_table(pa.table({"a": VALUES}), path),
    "safetensors": lambda path: save_file({"a": VALUES}, path),
    "torch.save": lambda path: torch.save(torch.zeros(10_000), path),
    "torch.save, opened": _torch,
    "json": lambda path: path.write_text(json.dumps(VALUES.tolist())),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_whoever_writes(writer: str, tmp_path: Path, little_space: None) -> None:
    file = tmp_path / "file.npy"
    with pytest.raises(UserError, match=rf"^disk full \(.*\) while writing {file}: "), disk_full_as_user_error(file):
        WRITERS[writer](file)


def test_sqlite_says_it_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^disk full \(No space left on device\)"), disk_full_as_user_error(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")
