from pathlib import Path

import pytest

from xstilts.config import Config, TrainerConfig
from xstilts.launch import machine as this_machine
from xstilts.study.combinations import problems


def found(launcher: str, **trainer: object) -> list[str]:
    return list(problems(launcher, Config(trainer=TrainerConfig(**trainer))))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with two GPUs and no SLURM; the folder of its programs."""
    for name in ("SLURM_JOB_ID", "SLURM_JOB_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    (tmp_path / "device").touch()
    monkeypatch.setattr(this_machine, "DEVICE_FILES", (str(tmp_path / "device"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(program: Path) -> None:
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


@pytest.mark.parametrize("launcher", ["basic", "local", "slurm_local", "ray"])
def test_nothing_is_wrong_with_one_node_and_the_gpus_there_are(launcher: str) -> None:
    assert not found(launcher) and not found(launcher, devices=2, accelerator="gpu") and not found(launcher, devices=2)


def test_joblib_is_refused() -> None:
    (line,) = found("joblib")
    assert "hydra/launcher=local" in line


def test_more_devices_than_gpus() -> None:
    (line,) = found("local", devices=3, accelerator="gpu")
    assert "trainer.devices=3" in line and "2 visible GPUs" in line
    assert not found("local", devices=3, accelerator="cpu")
    (line,) = found("local", devices=3)
    assert "2 visible GPUs" in line


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({"accelerator": "gpu"}, "trainer.accelerator=gpu, and there is no GPU here: type trainer.accelerator=cpu"),
        ({"accelerator": "mps"}, "trainer.accelerator=mps, and this is no Mac: type trainer.accelerator=auto"),
        ({"devices": 99}, "trainer.devices=99, with 2 CPUs here: type trainer.devices=N with 8 or less"),
        ({"devices": 9, "accelerator": "cpu"}, "trainer.devices=9, with 2 CPUs here"),
    ],
    ids=str,
)
def test_a_machine_without_gpu(trainer: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_machine, "DEVICE_FILES", ("/no/such/device",))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("sys.platform", "linux")
    (line,) = found("basic", **trainer)
    assert line.startswith(expected)
    assert not found("basic", devices=4, accelerator="cpu")


def test_slurm_where_there_is_none(machine: Path) -> None:
    (line,) = found("slurm", devices=8, num_nodes=4, accelerator="gpu")
    assert "sbatch" in line
    install(machine / "sbatch")
    assert not found("slurm", devices=8, num_nodes=4, accelerator="gpu", start_ranks="srun")


@pytest.mark.parametrize("asked", [{"num_nodes": 2}, {"start_ranks": "srun"}])
def test_srun_needs_an_allocation(asked: dict[str, object], machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = found("local", **asked)
    name, value = next(iter(asked.items()))
    assert line.startswith(f"trainer.{name}={value} ") and "hydra/launcher=slurm" in line
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    (line,) = found("basic", **asked)
    assert "no srun" in line
    install(machine / "srun")
    assert not found("basic", **asked)


def test_more_nodes_than_the_allocation_has(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine / "srun")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
    (line,) = found("basic", num_nodes=3)
    assert "--nodes=3" in line


def test_a_launcher_of_ones_own_may_be_a_cluster() -> None:
    assert not found("mine", num_nodes=4)
