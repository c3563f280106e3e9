import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.store.locks import holder_note, locked

HOLD = """
import sys, time
from pathlib import Path
from xstilts.store.locks import locked
with locked(Path(sys.argv[1])):
    sys.stdout.write("held\\n"); sys.stdout.flush()
    time.sleep(float(sys.argv[2]))
"""
COUNT = """
import sys, time
from pathlib import Path
from xstilts.store.locks import locked
counter = Path(sys.argv[2])
for _ in range(10):
    with locked(Path(sys.argv[1])):
        number = int(counter.read_text())
        time.sleep(0.005)
        counter.write_text(str(number + 1))
"""


def holder(lock: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_one_at_a_time(tmp_path: Path) -> None:
    lock, counter = tmp_path / "store" / ".a.lock", tmp_path / "counter"
    counter.write_text("0")
    workers = [subprocess.Popen([sys.executable, "-c", COUNT, str(lock), str(counter)]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "30"


@pytest.mark.slow
def test_the_wait_says_once_for_whom(tmp_path: Path) -> None:
    lock, messages = tmp_path / ".a.lock", []
    with holder(lock, 0.6) as process:
        start = time.monotonic()
        with locked(lock, messages.append):
            assert time.monotonic() - start > 0.3
            assert json.loads(holder_note(lock).read_text()) == {"host": socket.gethostname(), "process": os.getpid()}
    assert messages == [f"process {process.pid} on {socket.gethostname()}, which holds {lock}"]
    assert not holder_note(lock).exists()


def test_a_free_lock_says_nothing(tmp_path: Path) -> None:
    messages: list[str] = []
    with locked(tmp_path / ".a.lock", messages.append):
        pass
    with locked(tmp_path / ".a.lock", messages.append):
        pass
    assert messages == []


def test_a_killed_holder_frees_it_at_once(tmp_path: Path) -> None:
    lock = tmp_path / ".a.lock"
    with holder(lock, 60) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        start = time.monotonic()
        with locked(lock):
            assert time.monotonic() - start < 1


def test_a_waiter_gets_it_when_the_holder_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / ".a.lock"
    with holder(lock, 60) as process, locked(lock, lambda message: process.kill()):
        pass
    assert process.returncode == -signal.SIGKILL


def test_an_unreadable_note_is_no_error(tmp_path: Path) -> None:
    lock, messages = tmp_path / ".a.lock", []
    with holder(lock, 0.3):
        holder_note(lock).write_text("{torn")
        with locked(lock, messages.append):
            pass
    assert messages == [f"another process, which holds {lock}"]


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / ".a.lock"):
        raise KeyError
    with locked(tmp_path / ".a.lock", pytest.fail):
        pass


def test_an_error_of_the_body_is_not_taken_for_one_of_the_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / ".a.lock"):
        raise FileNotFoundError


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = rf"^cannot lock {tmp_path}/file/\.a\.lock: .*; it needs a folder that can be written"
    with pytest.raises(UserError, match=message), locked(tmp_path / "file" / ".a.lock"):
        pass
