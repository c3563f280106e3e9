import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_without_a_cache(tmp_path: Path) -> None:
    path = old_file(tmp_path / "a", b"abc")
    assert file_sha256(path) == sha256(b"abc")
    assert os.listdir(tmp_path) == ["a"]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "sums" / "cache.json"
    assert file_sha256(path, cache) == sha256(b"abc")
    assert json.loads(cache.read_text()) == {str(path): [3, OLD * 10**9, sha256(b"abc")]}
    old_file(path, b"xyz")  # the same size and mtime: not seen, which shows that the cache was used
    assert file_sha256(path, cache) == sha256(b"abc")


@pytest.mark.parametrize(("content", "mtime"), [(b"abcd", OLD), (b"xyz", OLD + 1)])
def test_a_changed_file_is_read_again(tmp_path: Path, content: bytes, mtime: int) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    file_sha256(path, cache)
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    assert file_sha256(path, cache) == sha256(content)
    assert json.loads(cache.read_text())[str(path)] == [len(content), mtime * 10**9, sha256(content)]


def test_a_young_file_is_not_remembered(tmp_path: Path) -> None:
    path, cache = tmp_path / "a", tmp_path / "cache.json"
    path.write_bytes(b"abc")
    assert file_sha256(path, cache) == sha256(b"abc")
    assert not cache.exists()


def test_a_link_counts_as_its_file(tmp_path: Path) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    (tmp_path / "link").symlink_to(path)
    assert file_sha256(tmp_path / "link", cache) == sha256(b"abc")
    assert list(json.loads(cache.read_text())) == [str(path)]


@pytest.mark.parametrize("broken", [b"", b"{", b"[1]", b"\xff\xfe", b'{"a": 1}'])
def test_a_broken_cache_is_rewritten(tmp_path: Path, broken: bytes) -> None:
    path, cache = old_file(tmp_path / "a", b"abc"), tmp_path / "cache.json"
    cache.write_bytes(broken)
    assert file_sha256(path, cache) == sha256(b"abc")
    assert list(json.loads(cache.read_text())) == [str(path)]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    assert file_sha256(old_file(tmp_path / "a", b"abc"), tmp_path / "blocked" / "cache.json") == sha256(b"abc")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "missing", tmp_path / "cache.json")


def test_concurrent_processes_lose_no_entry(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from xstilts.store.checksums import file_sha256\n"
        "[file_sha256(Path(path), Path(sys.argv[1])) for path in sys.argv[2:]]"
    )
    files = [old_file(tmp_path / f"file{number}", b"x" * number) for number in range(24)]
    cache = tmp_path / "cache.json"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(cache), *map(str, files[part::3])]) for part in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert json.loads(cache.read_text()) == {
        str(path): [number, OLD * 10**9, sha256(b"x" * number)] for number, path in enumerate(files)
    }
    assert checksums._read(cache)
