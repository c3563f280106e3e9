"""The pool of processes, with real ones."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xstilts.launch.pool import Command, places, run_pool, visible_gpus

DRIVER = """
import sys
from pathlib import Path
from xstilts.launch.pool import Command, run_pool
folder = Path(sys.argv[1])
python = (sys.executable, str(folder / "job.py"))
commands = [Command((*python, str(folder / str(number))), folder / f"{number}.log") for number in range(3)]
def ended(number, outcome):
    (folder / f"{number}.outcome").write_text(str(outcome))
outcomes = run_pool(commands, [{}, {}], lambda *_: None, ended)
(folder / "outcomes").write_text(str(outcomes))
"""
JOB = """
import os, signal, sys, time
from pathlib import Path
from xstilts.launch.parent import obey_parent
obey_parent()
place = Path(sys.argv[1])
heard = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, frame: heard.append(signal.Signals(number).name))
place.with_suffix(".pid").write_text(str(os.getpid()) + " ")
while not heard:
    time.sleep(0.01)
time.sleep(0.3)
place.with_suffix(".heard").write_text(" ".join(heard))
sys.exit(7)
"""


def run(tmp_path: Path, programs: list[str], environments: list[dict[str, str]]):  # type: ignore[no-untyped-def]
    """Exit codes, and who ran when in which place."""
    commands = [Command((sys.executable, "-c", text), tmp_path / "logs" / f"{n}.log") for n, text in enumerate(programs)]
    events: list[tuple[str, int, object]] = []
    codes = run_pool(
        commands, environments, lambda *what: events.append(("started", *what)), lambda *what: events.append(("ended", *what))
    )
    return codes, events


@pytest.mark.slow
def test_exit_codes_come_in_order_and_output_goes_to_the_logs(tmp_path: Path) -> None:
    programs = [
        "import time; time.sleep(1)",
        "import sys; print('said'); sys.exit('complained')",
        "import os; os.kill(os.getpid(), 9)",
        "import sys; sys.exit(2)",
    ]
    codes, events = run(tmp_path, programs, [{}, {}])
    assert codes == [0, 1, -signal.SIGKILL, 2]
    assert [event[0] for event in events].count("ended") == 4
    log = (tmp_path / "logs" / "1.log").read_text().splitlines()
    assert sys.executable in log[0] and sorted(log[-2:]) == ["complained", "said"]
    at_once = 0
    for event in events:
        at_once += 1 if event[0] == "started" else -1
        assert at_once <= 2


def test_a_second_run_adds_to_the_log_of_the_first(tmp_path: Path) -> None:
    run(tmp_path, ["print('first')"], [{}])
    run(tmp_path, ["print('second')"], [{}])
    text = (tmp_path / "logs" / "0.log").read_text()
    assert text.index("first") < text.rindex("second")


@pytest.mark.slow
def test_each_place_has_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    text = "import os, time; print('on', os.environ['GPU'], 'RANK' in os.environ); time.sleep(0.3)"
    codes, events = run(tmp_path, [text] * 4, [{"GPU": "a"}, {"GPU": "b"}])
    assert codes == [0] * 4
    place = {number: place for what, number, place in events if what == "started"}
    for number in range(4):
        last = (tmp_path / "logs" / f"{number}.log").read_text().splitlines()[-1]
        assert last == f"on {'ab'[place[number]]} False"


def test_a_command_that_cannot_start_stops_no_other(tmp_path: Path) -> None:
    commands = [Command(("/no/such/program",), tmp_path / "0.log"), Command((sys.executable, "-c", ""), tmp_path / "1.log")]
    codes = run_pool(commands, [{}], lambda *_: None, lambda *_: None)
    assert isinstance(codes[0], FileNotFoundError) and codes[1] == 0


def start_driver(folder: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    (folder / "job.py").write_text(JOB)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(folder)], process_group=0)
    pids = [folder / "0.pid", folder / "1.pid"]
    wait_for(lambda: all(path.exists() and path.read_text().endswith(" ") for path in pids))
    return driver, [int(path.read_text()) for path in pids]


def wait_for(condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_goes_to_all_and_is_waited_for(name: str, tmp_path: Path) -> None:
    driver, _ = start_driver(tmp_path)
    driver.send_signal(signal.Signals[name])
    assert driver.wait(30) == 0
    assert [(tmp_path / f"{number}.heard").read_text() for number in (0, 1)] == [name, name]
    assert [(tmp_path / f"{number}.outcome").read_text() for number in (0, 1)] == ["7", "7"]
    assert not (tmp_path / "2.pid").exists(), "nothing more is started"
    assert (tmp_path / "outcomes").read_text() == "[7, 7, None]"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_driver_takes_the_processes_with_it(tmp_path: Path) -> None:
    driver, pids = start_driver(tmp_path)
    driver.kill()
    driver.wait(30)

    def gone(process: int) -> bool:
        state = Path(f"/proc/{process}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] in "ZX"

    wait_for(lambda: all(map(gone, pids)))


@pytest.mark.parametrize(
    ("processes", "devices", "gpus", "expected"),
    [
        (None, 1, [], [None]),
        (3, 1, [], [None] * 3),
        (None, 1, ["0", "1"], ["0", "1"]),
        (None, 2, ["0", "1", "2", "3", "4"], ["0,1", "2,3"]),
        (1, 2, ["4", "5", "6", "7"], ["4,5"]),
        (3, 1, ["GPU-a", "GPU-b"], ["GPU-a", "GPU-b", "GPU-a"]),
        (None, 4, ["0", "1"], [None]),
    ],
)
def test_places(processes: int | None, devices: int, gpus: list[str], expected: list[str | None]) -> None:
    assert [place.get("CUDA_VISIBLE_DEVICES") for place in places(processes, devices, gpus)] == expected


@pytest.mark.parametrize(
    ("named", "expected"), [("", []), ("0", ["0"]), ("3, 5", ["3", "5"]), ("1,-1,2", ["1"]), ("GPU-f,MIG-e", ["GPU-f", "MIG-e"])]
)
def test_visible_gpus_are_those_named(named: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == expected


def test_visible_gpus_are_else_those_of_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() is None
    program = tmp_path / "nvidia-smi"
    listed = ("GPU 0: NVIDIA H200 (UUID: GPU-1)", "  MIG 1g.18gb Device 0: (UUID: MIG-1)", "GPU 1: NVIDIA H200")
    program.write_text("\n".join(["#!/bin/sh", *(f'echo "{line}"' for line in listed)]) + "\n")
    program.chmod(0o755)
    assert visible_gpus() == ["0", "1"]


def test_visible_gpus_are_unknown_where_nvidia_smi_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    assert visible_gpus() is None
