"""The launchers of src/hydra_plugins with jobs that end in every way, apart from any sweeper and from cells."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, RunMode

APP = """
import os, signal, sys
import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

@hydra.main(version_base="1.3", config_path="conf", config_name="app")
def cell(config):
    print("x is", config.x, "mode", HydraConfig.get().mode.name, "own", config.own, flush=True)
    if config.x == "told":
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return "bad x"
        sys.exit("error: first\\nerror: bad x")
    if config.x == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.x == "raises":
        raise RuntimeError("a fault")
    if config.x == "ends":
        sys.exit(3)

if __name__ == "__main__":
    cell()
"""
CONFIG = """
hydra:
  searchpath: ["file://CONF"]
  output_subdir: null
  run: {dir: .}
  sweep: {dir: sweep, subdir: "${hydra.job.num}"}
  sweeper: {params: {x: "good,killed"}}
  mode: MULTIRUN
x: good
own: default
study: test
trainer: {devices: 1, num_nodes: 1, accelerator: cpu}
"""
Launch = Callable[..., Sequence[JobReturn]]


@pytest.fixture
def launch(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Launch jobs with a launcher, as a sweeper does."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "app.yaml").write_text(CONFIG.replace("CONF", str(repository / "conf")))
    (tmp_path / "xstilts_test_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "xstilts_test_app", raising=False)
    import xstilts_test_app

    def run(overrides: list[str], jobs: list[list[str]], first: int = 0) -> Sequence[JobReturn]:
        from hydra._internal.callbacks import Callbacks

        GlobalHydra.instance().clear()
        with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("app", overrides, RunMode.MULTIRUN)
            launcher = Plugins.instance().instantiate_launcher(
                HydraContext(config_loader=loader, callbacks=Callbacks(config)), xstilts_test_app.cell.__wrapped__, config
            )
            return launcher.launch(jobs, first)

    return run


def ended(returned: Sequence[JobReturn]) -> list[str | None]:
    return [job.return_value for job in returned]


@pytest.mark.slow
def test_local_brings_back_how_each_job_ended(launch: Launch, tmp_path: Path) -> None:
    jobs = [[f"x={name}"] for name in ("good", "told", "killed", "raises", "ends")]
    returned = launch(["hydra/launcher=local", "hydra.launcher.processes=3", "hydra.mode=MULTIRUN"], jobs, 10)
    logs = [tmp_path / "sweep" / "local" / f"{number}.log" for number in range(10, 15)]
    assert ended(returned) == [
        None,
        f"bad x; log: {logs[1]}",
        f"lost: signal SIGKILL (often the kernel, out of memory); log: {logs[2]}",
        f"lost: exit code 1; log: {logs[3]}",
        f"lost: exit code 3; log: {logs[4]}",
    ]
    assert "x is good mode RUN own default" in logs[0].read_text().splitlines()
    assert "a fault" in logs[3].read_text()


@pytest.mark.slow
def test_local_gives_a_job_all_that_is_not_about_the_sweep(launch: Launch, tmp_path: Path) -> None:
    overrides = ["hydra/launcher=local", "++hydra.launcher.processes=1", "hydra.sweep.dir=elsewhere", "+hydra.job.env_set.OWN=7"]
    (job,) = launch(overrides, [["x=good", "own=${oc.env:OWN}", "hydra/launcher=basic"]])
    assert ended([job]) == [None]
    command, *said = (tmp_path / "elsewhere" / "local" / "0.log").read_text().splitlines()
    assert "x is good mode RUN own 7" in said
    assert "launcher" not in command and "elsewhere" not in command and "hydra.job.env_set" in command


def test_local_needs_a_process(launch: Launch) -> None:
    (job,) = launch(["hydra/launcher=local", "hydra.launcher.processes=0"], [["x=good"]])
    assert "at least 1" in job.return_value


@pytest.mark.slow
def test_an_old_reason_is_not_that_of_a_later_job(launch: Launch, tmp_path: Path) -> None:
    launch(["hydra/launcher=local"], [["x=told"]])
    (job,) = launch(["hydra/launcher=local"], [["x=ends"]])
    assert job.return_value.startswith("lost: exit code 3; log: ")


@pytest.mark.slow
def test_slurm_local_brings_back_how_each_job_ended(launch: Launch, tmp_path: Path) -> None:
    jobs = [[f"x={name}"] for name in ("good", "told", "killed", "raises", "ends")]
    returned = launch(["hydra/launcher=slurm_local"], jobs)
    good, told, killed, raises, ends = ended(returned)
    assert good is None
    assert told == "bad x"
    assert raises == "RuntimeError: a fault", "the job itself says so"
    logs = sorted((tmp_path / "sweep" / "slurm").glob("*.out"))
    assert len(logs) == 5
    for reason in (killed, ends):
        assert reason is not None and reason.startswith("lost: ")
        assert Path(reason.rpartition("; log: ")[2]) in logs


def test_settings_that_submitit_refuses_are_the_reason_of_every_job(launch: Launch) -> None:
    returned = launch(["hydra/launcher=slurm_local", "hydra.launcher.timeout_min=soon"], [["x=good"]] * 2)
    assert len(returned) == 2
    assert all("not submitted: " in str(reason) and "timeout_min" in str(reason) for reason in ended(returned))


def test_without_submitit_the_other_launchers_are_there() -> None:
    program = """
import sys
sys.modules["submitit"] = None
from hydra.core.plugins import Plugins
names = {name.rpartition(".")[2] for name in Plugins.instance().class_name_to_class}
assert {"LocalLauncher", "SlurmLauncher", "SlurmLocalLauncher"} <= names, names
from hydra_plugins.xstilts.launchers import SlurmLauncher
SlurmLauncher(partition="gpu")
from xstilts.config import Config
from xstilts.study.combinations import problems
print(*problems("slurm_local", Config()), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.splitlines() == ["hydra/launcher=slurm_local needs submitit: type pip install 'xstilts[slurm]'"]


def test_scanning_for_plugins_imports_no_large_library() -> None:
    program = """
import sys
from hydra.core.plugins import Plugins
Plugins.instance()
sys.exit(" ".join({"torch", "datasets", "transformers", "wandb", "submitit"} & {*sys.modules}) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
