import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from xstilts.store import checksums
from xstilts.store.checksums import file_sha256

OLD = 1_600_000_000


def old_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock a minute later than the files' times of change, which nobody can set."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)


def remembered(cache: Path) -> dict[Path, str]:
    """Path -> checksum."""
    return {Path(key.split(":", 1)[1]): entry[-1] for key, entry in json.loads(cache.read_text()).items()}


def test_without_a_cache(tmp_path: Path) -> None:
    path = old_file(tmp_path / "a", b"abc")
    assert file_sha256(path) == sha256(b"abc")
    assert os.listdir(tmp_path) == ["a"]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, later: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "sums" / "cache.json"
    assert file_sha256(path, cache) == sha256(b"abc")
    assert remembered(cache) == {path: sha256(b"abc")}
    monkeypatch.setattr(hashlib, "file_digest", None)  # nothing can be read for its checksum any more
    assert file_sha256(path, cache) == sha256(b"abc")


def rewrite(path: Path) -> None:
    path.write_bytes(b"xyz")


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(b"xyz")
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [rewrite, replace])
@pytest.mark.parametrize("mtime", [OLD, OLD + 1])
def test_a_changed_file_of_the_same_size_is_read_again(
    tmp_path: Path, later: None, change: Callable[[Path], None], mtime: int
) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    file_sha256(path, cache)
    change(path)
    os.utime(path, (mtime, mtime))
    assert file_sha256(path, cache) == sha256(b"xyz")
    assert remembered(cache) == {path: sha256(b"xyz")}


@pytest.mark.parametrize("field", range(4))
def test_each_property_of_a_file_must_agree(tmp_path: Path, later: None, field: int) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    file_sha256(path, cache)
    entries = json.loads(cache.read_text())
    (entry,) = entries.values()
    entry[field], entry[-1] = entry[field] + 1, "wrong"
    cache.write_text(json.dumps(entries))
    assert file_sha256(path, cache) == sha256(b"abc")


def test_a_file_of_another_device_is_another_file(tmp_path: Path, later: None) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    file_sha256(path, cache)
    (entry,) = json.loads(cache.read_text()).values()
    cache.write_text(json.dumps({f"{path.stat().st_dev + 1}:{path}": [*entry[:-1], "wrong"]}))
    assert file_sha256(path, cache) == sha256(b"abc")


@pytest.mark.parametrize(("seconds", "known"), [(0, False), (1, False), (checksums.MARGIN / 1e9 + 0.1, True), (-5, False)])
def test_a_file_that_changed_just_before_it_was_hashed_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, known: bool
) -> None:
    """Even with an old mtime: another content may follow within the same tick of the clock, with the same ctime."""
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    now = path.stat().st_ctime_ns + int(seconds * 1e9)
    monkeypatch.setattr(time, "time_ns", lambda: now)
    assert file_sha256(path, cache) == sha256(b"abc")
    assert cache.exists() == known


def test_a_file_with_a_young_mtime_is_not_remembered(tmp_path: Path, later: None) -> None:
    path, cache = tmp_path / "a", tmp_path / "cache.json"
    path.write_bytes(b"abc")
    tomorrow = time.time() + 86400
    os.utime(path, (tomorrow, tomorrow))
    assert file_sha256(path, cache) == sha256(b"abc")
    assert not cache.exists()


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(
    tmp_path: Path, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    digest = hashlib.file_digest

    def slow(file: BinaryIO, name: str) -> Any:
        found = digest(file, name)
        old_file(path, b"xyz")
        return found

    monkeypatch.setattr(hashlib, "file_digest", slow)
    file_sha256(path, cache)
    assert not cache.exists()


def test_a_link_counts_as_its_file(tmp_path: Path, later: None) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    (tmp_path / "link").symlink_to(path)
    assert file_sha256(tmp_path / "link", cache) == sha256(b"abc")
    assert list(remembered(cache)) == [path]


@pytest.mark.parametrize("broken", [b"", b"{", b"[1]", b"\xff\xfe", b'{"a": 1}'])
def test_a_broken_cache_is_rewritten(tmp_path: Path, later: None, broken: bytes) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    cache.write_bytes(broken)
    assert file_sha256(path, cache) == sha256(b"abc")
    assert list(remembered(cache)) == [path]


@pytest.mark.parametrize("digest", [5, None, "", "abc", ["a"], "A" * 64])
def test_a_remembered_checksum_that_is_none_is_not_believed(tmp_path: Path, later: None, digest: Any) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    file_sha256(path, cache)
    content = json.loads(cache.read_text())
    cache.write_text(json.dumps({key: [*entry[:-1], digest] for key, entry in content.items()}))
    assert file_sha256(path, cache) == sha256(b"abc")


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    assert file_sha256(old_file(tmp_path / "a", b"abc"), tmp_path / "blocked" / "cache.json") == sha256(b"abc")


def test_a_file_whose_name_is_not_utf8_is_not_remembered(tmp_path: Path, later: None) -> None:
    path = old_file(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9")), b"abc")
    assert file_sha256(path, tmp_path / "cache.json") == sha256(b"abc")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "missing", tmp_path / "cache.json")


def test_concurrent_processes_lose_no_entry(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from xstilts.store.checksums import file_sha256\n"
        "now = time.time_ns; time.time_ns = lambda: now() + 60 * 10**9\n"
        "[file_sha256(Path(path), Path(sys.argv[1])) for path in sys.argv[2:]]"
    )
    files = [old_file(tmp_path / f"file{number}", b"x" * number) for number in range(24)]
    cache = tmp_path / "cache.json"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(cache), *map(str, files[part::3])]) for part in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert remembered(cache) == {path: sha256(b"x" * number) for number, path in enumerate(files)}
    assert checksums._read(cache)
