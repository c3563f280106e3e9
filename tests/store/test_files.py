import errno
import json
import os
import time
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.store.files import ABANDONED, disk_full_means, read_json_object, whole_file, write_json


def test_a_file_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "file"
    with whole_file(final) as temporary:
        temporary.write_text("half")
        assert not final.exists()
    assert final.read_text() == "half"
    assert os.listdir(final.parent) == ["file"]


def test_a_failing_body_changes_nothing(tmp_path: Path) -> None:
    final = tmp_path / "file"
    final.write_text("old")
    with pytest.raises(KeyError), whole_file(final) as temporary:
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
    [(None, "no thing at {path}: do this"), ("[]", "{path} is no thing: expected a JSON object, got list; do this")],
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
    with pytest.raises(UserError, match=expected), disk_full_means(tmp_path):
        raise OSError(number, os.strerror(number))
    with pytest.raises(UserError, match=expected), disk_full_means(tmp_path):
        raise RuntimeError(f"Error while serializing: I/O error: {os.strerror(number)} (os error {number})")


def test_other_errors_are_not(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk_full_means(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(RuntimeError, match="os error 13"), disk_full_means(tmp_path):
        raise RuntimeError("(os error 13)")
