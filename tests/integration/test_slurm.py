"""A sweep on a real SLURM cluster, two nodes on this machine: jobs that are preempted, killed and started again change no number.

Each process of the tests that comes here has a cluster of its own, so that none waits for another.
"""

import contextlib
import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import required
from xstilts.store.artifacts import read_metadata
from xstilts.store.results import read_results

SCRIPT = Path(__file__).with_name("slurm_cluster.sh")
JOB = (
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.timeout_min=60",
    "trainer.checkpoint_every=10",
)
GRID = ("+intermediate=snli,mnli", "+target=pawsx,tatoeba")
LONG = ("intermediate.recipe.max_steps=300", "intermediate.recipe.eval_every=120")
"""Long enough to be disturbed."""
PATIENCE = 300  # seconds for what takes some on an idle machine
pytestmark = [pytest.mark.long, pytest.mark.timeout(6 * PATIENCE)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running cluster; this process and its children use it."""
    if reason := _missing():
        required.missing(reason, required.SLURM)
    folder = tmp_path_factory.mktemp("slurm")
    environment = os.environ | {"SLURM_TEST_PORT": str(_free_ports()), "SLURM_TEST_CPUS": "2"}
    try:
        # Not captured by a pipe: the daemons would hold it open.
        with (folder / "up.log").open("w") as log:
            code = subprocess.run([SCRIPT, "up", folder], env=environment, stdout=log, stderr=log, timeout=120).returncode
        assert code == 0, (folder / "up.log").read_text()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            patch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)
            yield folder
    finally:
        subprocess.run([SCRIPT, "down", folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _missing() -> str | None:
    """Return why there can be no cluster here."""
    for program in ("slurmctld", "slurmd", "munged"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            return f"no {program}: apt-get install slurm-wlm munge"
    return None if os.geteuid() == 0 else "only root can start a SLURM cluster"


def _free_ports() -> int:
    """A port that is free, and the next two too; below those that Linux hands out by itself."""
    for port in range(20000 + os.getpid() % 10000, 32000, 3):
        with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
            for number in range(port, port + 3):
                opened.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port
    raise RuntimeError("no three ports are free")


def options(world: Any, place: Path) -> tuple[str, ...]:
    return (*world.options, f"store.root={place / 'store'}", f"output={place / 'out'}")


def outcome(place: Path, weights_of: Callable[[Path], dict[str, str]]) -> list[tuple[Any, ...]]:
    """All that must not depend on what happened to the jobs: of each cell its numbers, its weights and their validation."""
    found = []
    for result in read_results(place / "out" / "results"):
        folders = [place / "store" / a["kind"] / a["fingerprint"] for a in result["artifacts"] if a["kind"] == "trained"]
        history = [read_metadata(folder)["validation"] for folder in folders]
        found.append((result["fingerprint"], result["rows"], [weights_of(folder) for folder in folders], history))
    return sorted(found, key=lambda one: one[0])


def wait_for(condition: Callable[[], Any], sweep: "subprocess.Popen[str]") -> Any:
    """Return the value of the condition once it is true; fail if the sweep ends before."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert sweep.poll() is None, sweep.communicate()
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.02)
    return value


def drivers(place: Path) -> dict[str, int]:
    """Label of a phase -> process id of the driver that has it trained, once there is a checkpoint."""
    found = {}
    for work in (place / "store" / "trained").glob(".*.work"):
        if (work / "last.ckpt").exists():
            starts = [line for line in (work / "worker.log").read_text().splitlines() if " starts " in line]
            found[json.loads((work / "job.json").read_text())["job"]["label"]] = int(starts[-1].split(" driver ")[1].split()[0])
    return found


def preempt(driver: int) -> None:
    """Send the driver's job what SLURM sends when the job's time is up, or a more important one wants its place."""
    variables = Path(f"/proc/{driver}/environ").read_bytes().split(b"\0")
    (job,) = (text.split(b"=")[1].decode() for text in variables if text.startswith(b"SLURM_JOB_ID="))
    subprocess.run(["scancel", "--signal=USR2", job], check=True)


def resumed(place: Path) -> bool:
    """Return whether exactly one job was requeued and went on from its checkpoint."""
    logs = [path.read_text() for path in (place / "out" / "hydra" / "slurm").rglob("*.out")]
    (log,) = (text for text in logs if "Requeued job" in text)
    return ": resuming " in log


def test_a_disturbed_sweep_ends_as_an_undisturbed_one(
    cluster: Path, start_cell: Any, run_inline: Any, toy_world: Any, tmp_path: Path, weights_of: Any
) -> None:
    alone, swept = tmp_path / "alone", tmp_path / "swept"
    command = ("-m", *options(toy_world, swept), *GRID, *LONG, *JOB)
    sweep = start_cell(*command)
    disturbances: dict[str, Callable[[int], None]] = {
        "phase 2: snli": preempt,
        "phase 2: mnli": lambda driver: os.kill(driver, signal.SIGKILL),
    }

    def all_disturbed() -> bool:
        for task, driver in drivers(swept).items():
            if task in disturbances:
                disturbances.pop(task)(driver)
        return not disturbances

    wait_for(all_disturbed, sweep)
    for intermediate in ("snli", "mnli"):  # in the meantime, and undisturbed
        for target in ("pawsx", "tatoeba"):
            cell = (f"+intermediate={intermediate}", f"+target={target}", "trainer.checkpoint_every=1000")
            run_inline(*options(toy_world, alone), *LONG, *cell)

    _, err = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 1, err
    assert len(read_results(swept / "out" / "results")) == 2, "the cells of the preempted job, and not those of the killed one"
    assert "Traceback" not in err and "lost" in err, err
    assert resumed(swept)

    again = start_cell(*command)
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, err
    assert outcome(swept, weights_of) == outcome(alone, weights_of)


def test_ranks_by_srun(cluster: Path, start_cell: Any, run_cell: Any, toy_world: Any, tmp_path: Path, weights_of: Any) -> None:
    cell = ("+target=pawsx", "target.recipe.max_steps=200", "target.recipe.eval_every=80", "trainer.devices=2")
    by_srun, by_lightning = tmp_path / "srun", tmp_path / "lightning"
    sweep = start_cell(
        "-m", *options(toy_world, by_srun), *cell, *JOB, "trainer.start_ranks=srun", "hydra.launcher.cpus_per_task=2"
    )
    preempt(wait_for(lambda: drivers(by_srun).get("phase 3: pawsx"), sweep))
    code, _, err = run_cell(*options(toy_world, by_lightning), *cell)
    assert code == 0, err
    _, err = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, err
    assert outcome(by_srun, weights_of) == outcome(by_lightning, weights_of)
    assert resumed(by_srun)


def losses(place: Path) -> dict[int, float]:
    """Step -> loss, of the last attempt to train."""
    *_, last = sorted((place / "out" / "curves").rglob("metrics.csv"))
    with last.open() as file:
        return {int(row["step"]): float(row["train/loss/pawsx"]) for row in csv.DictReader(file) if row["train/loss/pawsx"]}


def is_requeued() -> bool:
    """Return whether a job waits in the queue again, and its processes have ended."""
    states = subprocess.run(["squeue", "--noheader", "--format=%T"], check=True, capture_output=True, text=True).stdout.split()
    return states == ["PENDING"]


def test_two_nodes_of_which_one_dies(
    cluster: Path, start_cell: Any, run_inline: Any, toy_world: Any, tmp_path: Path, weights_of: Any
) -> None:
    recipe = ("max_steps=300", "eval_every=120", "learning_rate=1e-3", "dropout=0", "head_dropout=0")
    cell = ("+target=pawsx", "logger=csv", "logger.every_n_steps=1", *(f"target.recipe.{value}" for value in recipe))
    on_nodes, on_one, alone = tmp_path / "nodes", tmp_path / "one", tmp_path / "alone"
    interface = "hydra.launcher.setup=['export GLOO_SOCKET_IFNAME=lo']"
    sweep = start_cell("-m", *options(toy_world, on_nodes), *cell, *JOB, "trainer.num_nodes=2", interface)
    wait_for(lambda: drivers(on_nodes), sweep)
    subprocess.run([SCRIPT, "kill", cluster, "node2"], check=True)
    undisturbed = start_cell(*options(toy_world, on_one), *cell, "trainer.devices=2")
    _, err = undisturbed.communicate(timeout=2 * PATIENCE)
    assert undisturbed.returncode == 0, err
    run_inline(*options(toy_world, alone), *cell)
    wait_for(is_requeued, sweep)
    subprocess.run([SCRIPT, "start", cluster, "node2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    _, err = sweep.communicate(timeout=2 * PATIENCE)
    assert sweep.returncode == 0, err
    logs = [path.read_text() for path in (on_nodes / "out" / "hydra" / "slurm").rglob("*_0_log.out")]
    (disturbed,) = (text for text in logs if "NODE FAILURE" in text)
    assert ": resuming " in disturbed
    assert outcome(on_nodes, weights_of) == outcome(on_one, weights_of)
    of_nodes, of_one = losses(on_nodes), losses(alone)
    assert 0 < len(of_nodes) < len(of_one) == 300, "the second attempt began at a checkpoint"
    assert min(of_one.values()) < 0.6, "nothing was learned"
    assert of_nodes == pytest.approx({step: of_one[step] for step in of_nodes}, rel=5e-3)  # rounding grows: to 5e-4 when measured
