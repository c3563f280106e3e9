"""Stop signals in small programs: one line, code 128+n, no traceback, wherever the program is."""

import pickle
import signal
import subprocess
import sys
import time

import pytest

from xstilts.signals import STOP_SIGNALS, Stopped, held, is_stop_message, stop_signal

HERE = "import os, signal, sys, time; from xstilts.launch.entry import entry_point\n"


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", HERE + code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_is_one_line_and_its_own_code(number: signal.Signals) -> None:
    ended = run(f"with entry_point():\n    os.kill(os.getpid(), {int(number)})\n    time.sleep(60)")
    line = f"stopped by {number.name}: finished work is kept; rerun the command to continue\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", line)


SWALLOWED = """
class Ending:
    def __del__(self):
        stop()
        time.sleep(0.01)
Ending()
time.sleep(60)
"""
RENAMED = """
try:
    stop()
    time.sleep(60)
except BaseException:
    raise ImportError("cannot import")
"""
CAUGHT = """
try:
    stop()
    time.sleep(60)
except BaseException:
    time.sleep(60)
"""
THREAD = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as pool:
    pool.submit(time.sleep, 50)
    stop()
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("body", [SWALLOWED, RENAMED, CAUGHT, THREAD], ids=["swallowed", "renamed", "caught", "thread"])
def test_it_is_not_lost(body: str) -> None:
    """Python ignores exceptions here, as a library's own error, in a library that catches all, with a thread that goes on."""
    code = (
        "from xstilts import signals\nsignals.GRACE = 1.5\n"
        f"def stop(): os.kill(os.getpid(), 15)\nwith entry_point():\n    exec({body!r})"
    )
    since = time.monotonic()
    ended = run(code)
    assert (ended.returncode, ended.stderr.count("\n")) == (143, 1) and "Traceback" not in ended.stderr, ended.stderr
    assert ended.stderr.startswith("stopped by SIGTERM: ") and time.monotonic() - since < 20


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait() -> None:
    code = """
with entry_point():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", HERE + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.6)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.count("\n")) == (130, 1) and err.startswith("stopped by SIGINT: ")


def test_what_is_ignored_stays_ignored() -> None:
    """`nohup`, and Ctrl-C for a command that a script has put into the background."""
    code = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code += "with entry_point():\n    os.kill(os.getpid(), signal.SIGHUP)\n    time.sleep(0.2)\n    print('done')"
    ended = run(code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_held_signals_are_let_through() -> None:
    code = "os.kill(os.getpid(), signal.SIGINT)\nwith entry_point():\n    time.sleep(60)"
    with held():
        ended = run(code)
    assert ended.returncode == 130 and ended.stderr.startswith("stopped by SIGINT: ") and ended.stderr.count("\n") == 1


def test_an_exit_code_names_its_signal() -> None:
    assert [stop_signal(code) for code in (143, -2, 0, 2, 137, -9, 128)] == [signal.SIGTERM, signal.SIGINT, *[None] * 5]


def test_it_goes_to_other_processes_as_it_is() -> None:
    stopped = pickle.loads(pickle.dumps(Stopped(signal.SIGUSR1, "checkpoint at step 7")))
    assert str(stopped) == "stopped by SIGUSR1: checkpoint at step 7; rerun the command to continue"
    assert is_stop_message(str(stopped)) and stopped.code == 128 + signal.SIGUSR1
