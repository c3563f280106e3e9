import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xstilts.launch.parent import PARENT
from xstilts.launch.process import RANK_VARIABLES, TASK_VARIABLES, Starter, clean_environment, describe_exit, run_worker
from xstilts.signals import STOP_SIGNALS

DRIVER = """
import json, signal, sys
from pathlib import Path
from xstilts.launch.process import Starter, run_worker
from xstilts.signals import STOP_SIGNALS, received
folder = Path(sys.argv[1])
before = [signal.getsignal(number) for number in STOP_SIGNALS]
fake = [sys.executable, str(folder / "fake.py")]
code = run_worker(folder / "job.json", folder / "worker.log", fake, starter=Starter(tuple(sys.argv[2:])))
restored = before == [signal.getsignal(number) for number in STOP_SIGNALS]
(folder / "answer.json").write_text(json.dumps({"code": code, "got": [number.name for number in received], "restored": restored}))
"""
SLEEPER = """
import os, sys, time
from pathlib import Path
from xstilts.launch.parent import obey_parent
obey_parent()
Path(sys.argv[1]).with_name("pid").write_text(str(os.getpid()) + " ")
time.sleep(60)
"""
LISTENER = """
import os, signal, sys, time
from pathlib import Path
heard = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, frame: heard.append(number))
folder = Path(sys.argv[1]).parent
(folder / "pid").write_text(str(os.getpid()) + " ")
while not heard:
    time.sleep(0.01)
time.sleep(0.3)
(folder / "heard").write_text(" ".join(signal.Signals(number).name for number in heard))
sys.exit(85)
"""


def start_driver(folder: Path, fake: str, *starter: str) -> tuple[subprocess.Popen[bytes], int]:
    (folder / "fake.py").write_text(fake)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(folder), *starter], process_group=0)
    wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().endswith(" "), 20)
    return driver, int((folder / "pid").read_text())


def wait_for(condition, seconds: float) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def run_fake(folder: Path, code: str) -> int:
    (folder / "fake.py").write_text(code)
    return run_worker(folder / "job.json", folder / "worker.log", [sys.executable, str(folder / "fake.py")])


def test_the_default_is_the_worker_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$3.arguments"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(tmp_path)
    assert run_worker(Path("job.json"), tmp_path / "worker.log") == 0
    assert (tmp_path / "job.json.arguments").read_text().splitlines() == ["-m", "xstilts.worker", str(tmp_path / "job.json")]


def test_nothing_of_ranks_and_hydra_reaches_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"SLURM_STEP_NODELIST", "SLURM_CPU_BIND_TYPE", "SRUN_CPUS_PER_TASK", *TASK_VARIABLES}
    for name in (*RANK_VARIABLES, *task, "HYDRA_MAIN_MODULE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    code = "import json, os, sys; from pathlib import Path; Path(sys.argv[1]).write_text(json.dumps(dict(os.environ)))"
    assert run_fake(tmp_path, code) == 0
    seen = json.loads((tmp_path / "job.json").read_text())
    assert seen["SLURM_JOB_ID"] == "7"
    assert seen["PATH"] == os.environ["PATH"]
    assert not {name for name in seen if name in RANK_VARIABLES | task or name.startswith("HYDRA_")}
    assert os.environ["MASTER_PORT"] == "1"


def test_the_variables_that_make_a_rank() -> None:
    kept = {"HOME": "/", "MY_RANK": "1", "NOT_HYDRA_X": "1"}
    removed = (
        "MASTER_ADDR MASTER_PORT RANK LOCAL_RANK NODE_RANK WORLD_SIZE GROUP_RANK LOCAL_WORLD_SIZE TORCHELASTIC_RUN_ID HYDRA_X"
    )
    assert clean_environment(kept | dict.fromkeys(removed.split(), "1")) == kept | {"PYTHONSAFEPATH": "1"}


@pytest.mark.parametrize(("given", "kept"), [("", ""), ("0", "0"), ("1", "1"), ("2", "1"), ("yes", "1")])
def test_docstrings_are_kept(given: str, kept: str) -> None:
    assert clean_environment({"PYTHONOPTIMIZE": given})["PYTHONOPTIMIZE"] == kept


def test_files_of_the_current_folder_hide_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("datasets", "logging", "torch", "wandb", "xstilts"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.json").write_text("{}")
    code = run_worker(tmp_path / "job.json", tmp_path / "worker.log", output=tmp_path / "said")
    assert code in (1, 2) and "job" in (tmp_path / "said").read_text(), "our own code has read the job"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_rank_whose_parent_is_gone_ends_at_once_and_signals_nobody(tmp_path: Path) -> None:
    """As when the driver is killed while ranks start: process 1, which adopts them, must get none of their signals."""
    words = [sys.executable, "-m", "xstilts.worker", str(tmp_path / "job.json")]
    orphan = subprocess.run(words, env={**os.environ, "LOCAL_RANK": "1", PARENT: "1"}, capture_output=True, timeout=60)
    assert (orphan.returncode, orphan.stdout, orphan.stderr) == (-signal.SIGKILL, b"", b"")


RANK = """
import os, signal, time
from xstilts import worker
from xstilts.launch.parent import join_parent
with worker._forwarding_signals(join_parent()):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)
"""
FIRST_RANK = """
import os, signal, subprocess, sys
got = []
signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
subprocess.run([sys.executable, "-c", sys.argv[1]], env={**os.environ, "LOCAL_RANK": "1"}, check=True)
sys.exit(got != [signal.SIGTERM])
"""


def test_a_rank_passes_signals_on_to_the_process_that_started_it() -> None:
    assert subprocess.run([sys.executable, "-c", FIRST_RANK, RANK], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("sys.exit(0)", 0, "exit code 0"),
        ("sys.exit(85)", 85, "exit code 85"),
        ("sys.exit(137)", 137, "exit code 137: signal SIGKILL (often the kernel, out of memory)"),
        ("sys.exit(255)", 255, "exit code 255"),
        ("sys.exit(143)", 143, "exit code 143: signal SIGTERM"),
        ("raise RuntimeError('as planned')", 1, "exit code 1"),
        ("os.kill(os.getpid(), 9)", -9, "signal SIGKILL (often the kernel, out of memory)"),
        ("os.kill(os.getpid(), 11)", -11, "signal SIGSEGV"),
    ],
)
def test_the_exit_code_is_passed_on_and_noted(tmp_path: Path, ending: str, code: int, words: str) -> None:
    (tmp_path / "worker.log").write_text("earlier\n")
    assert run_fake(tmp_path, f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); {ending}") == code
    earlier, start, end = (tmp_path / "worker.log").read_text().splitlines()
    assert earlier == "earlier"
    said = f"driver {os.getpid()} on {socket.gethostname()} starts {sys.executable} {tmp_path}/fake.py {tmp_path}/job.json"
    assert start.endswith(said)
    assert end.endswith(f"ended with {words}")
    assert describe_exit(code) == words


@pytest.mark.slow
def test_a_starter_goes_before_the_worker_and_hears_one_signal_only(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text(LISTENER)
    code = (
        "import os, signal, sys, threading; from pathlib import Path; from xstilts.launch.process import Starter, run_worker\n"
        "folder = Path(sys.argv[1])\n"
        "def stop():\n"
        "    while not (folder / 'pid').exists(): pass\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "threading.Thread(target=stop).start()\n"
        "starter = Starter(('env', 'GIVEN=1'), {'MASTER_PORT': '15001'}, signal.SIGUSR2)\n"
        "run_worker(folder / 'job.json', folder / 'log', [sys.executable, str(folder / 'fake.py')], starter=starter)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60).returncode == 0
    assert (tmp_path / "heard").read_text() == "SIGUSR2"
    assert f"starts env GIVEN=1 {sys.executable}" in (tmp_path / "log").read_text()


def test_a_starter_adds_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / "fake.py").write_text("import os, sys; sys.exit(os.environ['MASTER_PORT'] != '15001')")
    command = [sys.executable, str(tmp_path / "fake.py")]
    starter = Starter(environment={"MASTER_PORT": "15001"})
    assert run_worker(tmp_path / "job.json", tmp_path / "worker.log", command, starter=starter) == 0


def test_an_unknown_signal_has_its_number() -> None:
    assert describe_exit(-200) == "signal 200"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
@pytest.mark.parametrize("starter", [(), ("env", "-u", PARENT)], ids=["worker", "a program of others"])
def test_a_killed_driver_takes_the_worker_along(tmp_path: Path, starter: tuple[str, ...]) -> None:
    driver, worker = start_driver(tmp_path, SLEEPER, *starter)
    assert is_alive(worker)
    driver.kill()
    driver.wait()
    wait_for(lambda: not is_alive(worker), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_parent_that_is_dead_already() -> None:
    code = "from xstilts.launch.parent import die_with_parent; die_with_parent({}); import sys; sys.exit(3)"
    assert subprocess.run([sys.executable, "-c", code.format(os.getpid())]).returncode == 3
    assert subprocess.run([sys.executable, "-c", code.format(2**22 + 1)]).returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_goes_on_to_the_worker_once(tmp_path: Path, number: signal.Signals) -> None:
    driver, worker = start_driver(tmp_path, LISTENER)
    os.killpg(driver.pid, number)  # as a terminal sends Ctrl-C: to all of the driver's group
    assert driver.wait(20) == 0
    assert (tmp_path / "heard").read_text() == number.name
    assert json.loads((tmp_path / "answer.json").read_text()) == {"code": 85, "got": [number.name], "restored": True}
    assert not is_alive(worker)


def test_a_worker_that_does_not_listen_ends_by_the_signal(tmp_path: Path) -> None:
    driver, worker = start_driver(tmp_path, SLEEPER)
    driver.terminate()
    assert driver.wait(20) == 0
    assert json.loads((tmp_path / "answer.json").read_text())["code"] == -signal.SIGTERM
    assert not is_alive(worker)


def test_a_command_that_does_not_exist_restores_the_handlers(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(FileNotFoundError):
        run_worker(tmp_path / "job.json", tmp_path / "worker.log", [str(tmp_path / "missing")])
    assert signal.getsignal(signal.SIGTERM) is before
