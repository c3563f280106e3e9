import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import paths
from xstilts.errors import UserError
from xstilts.paths import ArtifactPaths, CellPaths, cell_name, conf_dir, experiments_dir


def test_a_checkout_uses_its_own_folders(repository: Path) -> None:
    assert conf_dir() == repository / "conf"
    assert experiments_dir().resolve() == repository / "experiments"


def test_an_installed_wheel_uses_the_folders_in_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "xstilts"
    package.mkdir(parents=True)
    for name in ("__init__.py", "errors.py", "numbering.py", "paths.py"):
        shutil.copy(paths.PACKAGE / name, package / name)
    (tmp_path / "pyproject.toml").touch()  # of whoever installed it
    (tmp_path / "conf").mkdir()
    code = (
        "from xstilts.paths import conf_dir, experiments_dir; import sys; sys.stdout.write(f'{conf_dir()}\\n{experiments_dir()}')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(package.parent)}, cwd="/", capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == [str(package / "conf"), str(package / "conf" / "experiments")]


def test_the_driver_stays_thin() -> None:
    modules = "paths store.artifacts store.checksums store.fingerprint store.locks store.results launch.process"
    modules += " reporting.views.terminal"
    heavy = ["torch", "hydra", "pytorch_lightning", "datasets", "pyarrow", "transformers", "numpy"]
    code = (
        f"import importlib, sys\nfor name in {modules.split()}: importlib.import_module('xstilts.' + name)\n"
        f"sys.stdout.write(' '.join(set({heavy}) & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == ""


def test_the_files_of_an_artifact(tmp_path: Path) -> None:
    artifact = ArtifactPaths(tmp_path, "target", "0123abcd")
    assert artifact.folder == tmp_path / "target" / "0123abcd"
    assert artifact.lock == tmp_path / "target" / ".0123abcd.lock"
    assert artifact.work == tmp_path / "target" / ".0123abcd.work"
    names = {path.relative_to(artifact.work).as_posix() for path in vars_of(artifact) if artifact.work in path.parents}
    assert names == {"last.ckpt", "job.json", "worker.log"}


def vars_of(artifact: ArtifactPaths) -> list[Path]:
    return [getattr(artifact, name) for name, kind in vars(ArtifactPaths).items() if isinstance(kind, property)]


def test_the_files_of_a_cell(tmp_path: Path) -> None:
    cell = CellPaths(tmp_path, cell_name(["mnli", "mlm"], "xnli", 3, "5f0c9a3e11"))
    assert cell.result == tmp_path / "results" / "mnli+mlm.xnli.seed3.5f0c9a3e.json"
    assert cell.predictions == tmp_path / "predictions" / "mnli+mlm.xnli.seed3.5f0c9a3e.parquet"
    assert cell.result.parent == paths.results_dir(tmp_path)
    assert cell.worker_log.parent == cell.job.parent == cell.work


def test_a_cell_name_fits_a_file_system_and_stays_unique(tmp_path: Path) -> None:
    assert cell_name([], "xnli", 1, "5f0c9a3e11") == "none.xnli.seed1.5f0c9a3e"
    many = [f"intermediate_task_{number}" for number in range(40)]
    one, other = cell_name(many, "xnli", 1, "a" * 20), cell_name(many, "xnli", 1, "b" * 20)
    assert one != other and len(one) == paths.LONGEST_CELL_NAME
    CellPaths(tmp_path, one)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "ä", "x" * 201])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"^'{name}' is no name for a cell's files: expected at most 200 letters"):
        CellPaths(tmp_path, name)
