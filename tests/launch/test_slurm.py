import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.config import TrainerConfig
from xstilts.errors import UserError
from xstilts.launch import machine
from xstilts.launch.slurm import LONGEST_GRACE, is_extra_task, outlast_lost_nodes, rank_port, srun, starts_by_srun


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a SLURM job of two nodes."""
    (tmp_path / "srun").touch(0o755)
    return {
        "PATH": str(tmp_path),
        "SLURM_JOB_ID": "17",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_CPUS_PER_NODE": "16,9",
        "SLURM_JOB_NODELIST": "gpu[07-08]",
    }


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], None]:
    """program(name, script) makes a program that the job finds."""

    def write(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("devices", "nodes", "start_ranks", "by_srun"),
    [
        (1, 1, "lightning", False),
        (2, 1, "lightning", False),
        (2, 1, "srun", True),
        (1, 1, "srun", False),
        (1, 2, "lightning", True),
    ],
)
def test_who_starts_the_ranks(devices: int, nodes: int, start_ranks: str, by_srun: bool) -> None:
    assert starts_by_srun(TrainerConfig(devices=devices, num_nodes=nodes, start_ranks=start_ranks)) is by_srun


def test_a_task_for_each_rank(job: dict[str, str]) -> None:
    starter = srun(TrainerConfig(devices=4, num_nodes=2), Path("job.json"), job)
    words = starter.words
    assert words[0] == "srun" and {"--overlap", "--kill-on-bad-exit=1"} <= set(words)
    assert {"--nodes=2", "--ntasks=8", "--ntasks-per-node=4", "--cpus-per-task=2"} <= set(words)
    assert starter.environment == {"MASTER_PORT": str(rank_port("17", Path("job.json")))}
    assert starter.relays == signal.SIGUSR2


def test_ranks_meet_where_slurm_reaches_the_first_node(job: dict[str, str], program: Callable[[str, str], None]) -> None:
    program("scontrol", '[ "$*" = "show hostnames gpu[07-08]" ] && printf "gpu07\\ngpu08\\n"')
    program(
        "sinfo", '[ "$*" = "--noheader --Node --nodes=gpu07 --format=%o" ] && printf "10.0.0.7 \\n10.0.0.7 \\n"'
    )  # two partitions
    starter = srun(TrainerConfig(num_nodes=2), Path("job.json"), job)
    assert starter.environment["MASTER_ADDR"] == "10.0.0.7"
    program("sinfo", "exit 1")
    assert "MASTER_ADDR" not in srun(TrainerConfig(num_nodes=2), Path("job.json"), job).environment


@pytest.mark.parametrize(
    ("sinfo", "task", "waits"),
    [
        ("echo gpu08; echo gpu08", True, True),
        ("if [ ! -e asked ]; then touch asked; kill -TERM $$; fi; echo gpu08", True, True),
        ("true", True, False),
        ("exit 1", True, False),
        ("echo gpu08", False, False),
    ],
    ids=["lost", "SIGTERM ends the first question", "none lost", "no answer", "not started by SLURM"],
)
def test_a_job_that_lost_a_node_waits_for_slurm(
    sinfo: str,
    task: bool,
    waits: bool,
    job: dict[str, str],
    program: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.chdir(tmp_path)
    program("sinfo", f'[ "$*" = "--dead --noheader --Node --nodes=gpu[07-08] --format=%N" ] || exit 9\n{sinfo}')
    with caplog.at_level("INFO", "xstilts"):
        outlast_lost_nodes(
            "checkpoint at step 3", job | {"PATH": f"{tmp_path}:/usr/bin:/bin"} | ({"SLURM_PROCID": "0"} if task else {})
        )
    assert (LONGEST_GRACE in slept) is waits
    said = "SLURM lost gpu08: checkpoint at step 3; waiting for SLURM to end this job, and to start it again"
    assert caplog.messages == ([said] if waits else [])


def test_jobs_at_once_have_ports_of_their_own() -> None:
    # Ids that end alike, and two phases of one job.
    ports = [rank_port(job, Path(file)) for job in ("17", "10017", "20017", "18") for file in ("a/job.json", "b/job.json")]
    assert len(set(ports)) == len(ports)
    assert all(1024 < port < 32768 for port in ports)


@pytest.mark.parametrize(
    ("changed", "trainer", "expected"),
    [
        ({"SLURM_JOB_ID": ""}, TrainerConfig(devices=2, start_ranks="srun"), "trainer.start_ranks=srun needs a SLURM job"),
        ({"PATH": "/nowhere"}, TrainerConfig(devices=2, num_nodes=2), "trainer.num_nodes=2 needs a SLURM job"),
        ({}, TrainerConfig(num_nodes=3), "the SLURM job has 2: type hydra.launcher.nodes=3"),
        ({}, TrainerConfig(devices=10, start_ranks="srun"), "has 9 CPUs on a node.*type hydra.launcher.cpus_per_task=10"),
    ],
    ids=["no job", "no srun", "nodes", "CPUs"],
)
def test_a_job_that_is_too_small(changed: dict[str, str], trainer: TrainerConfig, expected: str, job: dict[str, str]) -> None:
    with pytest.raises(UserError, match=expected.replace("(", r"\(").replace(")", r"\)")):
        srun(trainer, Path("job.json"), job | changed)


def test_a_cell_without_slurm_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    (line,) = machine.problems(TrainerConfig(num_nodes=2, accelerator="cpu"))
    assert line.startswith("trainer.num_nodes=2 needs nodes of a SLURM cluster: ")


def test_the_first_task_is_the_driver() -> None:
    assert not is_extra_task({}) and not is_extra_task({"SLURM_PROCID": "0"})
    assert is_extra_task({"SLURM_PROCID": "1"})


DRIVER = """
import signal, sys
from xstilts import signals
from xstilts.launch.entry import entry_point
from xstilts.launch import slurm
from xstilts.launch.slurm import make_way
def requeue(number, frame):
    print("requeued", flush=True)
    sys.exit(255)
if "submitit" in sys.argv:
    signal.signal(signal.SIGUSR1, requeue)
    signal.signal(signal.SIGUSR2, requeue)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
print("started", flush=True)
numbers = [signal.Signals[name] for name in sys.argv[1].split(",")]
if "rank alone" in sys.argv:
    slurm.OWN_SIGNAL = 3
    make_way(signals.Stopped(numbers[-1], "checkpoint at step 3"))
if "submitit" in sys.argv:
    signals.received.extend(numbers)
    make_way(signals.Stopped(numbers[-1], "checkpoint at step 3"))
with entry_point():
    signals.received.extend(numbers)
    make_way(signals.Stopped(numbers[-1], "checkpoint at step 3"))
print("still here", flush=True)
"""


def driver(*words: str, task: bool = False, restarts: int = 0) -> "subprocess.Popen[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    environment = clean | ({"SLURM_PROCID": "0", "SLURM_RESTART_COUNT": str(restarts)} if task else {})
    return subprocess.Popen([sys.executable, "-c", DRIVER, *words], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("words", "task", "code", "said"),
    [
        (("SIGTERM",), False, 143, ""),
        (("SIGUSR2",), False, 128 + signal.SIGUSR2, ""),
        (("SIGUSR2", "submitit"), True, 255, "requeued"),
        (("SIGUSR1", "submitit"), True, 255, "requeued"),
        (("SIGUSR2,SIGTERM", "submitit"), True, 255, "requeued"),
        (("SIGTERM,SIGUSR2", "submitit"), True, 255, "requeued"),
        (("SIGTERM", "submitit"), False, 143, ""),  # submitit on one machine takes no notice of SIGTERM
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else None,
)
def test_the_driver_ends_as_its_scheduler_expects(words: tuple[str, ...], task: bool, code: int, said: str) -> None:
    process = driver(*words, task=task)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.split()[1:]) == (code, said.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "restarts", "code", "said"),
    [
        (("SIGTERM", "submitit"), 4, 255, ["requeued"]),
        (("SIGTERM", "submitit"), 5, 143, []),
        (("SIGINT", "submitit"), 0, 130, []),
        (("SIGTERM",), 0, 143, []),
    ],
    ids=["goes back into the queue", "too often", "by hand", "nobody would put it back"],
)
def test_a_job_of_which_only_a_rank_was_ended(words: tuple[str, ...], restarts: int, code: int, said: list[str]) -> None:
    process = driver(*words, "rank alone", task=True, restarts=restarts)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.split()[1:]) == (code, said)


@pytest.mark.slow
def test_a_job_of_which_a_rank_was_ended_first_waits_for_slurm() -> None:
    process = driver("SIGTERM", "submitit", "rank alone", task=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(4)
    assert process.poll() is None
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert process.stdout.read() == ""
    process.stdout.close()


@pytest.mark.slow
def test_preempted_without_submitit_it_waits_for_slurm() -> None:
    process = driver("SIGTERM", "submitit", task=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGUSR2)  # what comes later is submitit's
    assert process.wait(60) == 255
    process.stdout.close()
