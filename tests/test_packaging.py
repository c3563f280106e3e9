"""Set-up: the pins are complete, the version is one, the wheel carries conf/ and experiments/ and works from any directory.

`make release` runs this file for the wheel that `XSTILTS_WHEEL` names.
"""

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

import xstilts
from tests import required

PROJECT = "pyproject.toml"


def wanted(repository: Path) -> dict[str, str]:
    """Package -> the version range of pyproject.toml, extras included."""
    project = tomllib.loads((repository / PROJECT).read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    return {re.split(r"[^\w.-]", text)[0].lower(): text for text in texts}


def pins(repository: Path) -> dict[str, str]:
    """Package -> its version in constraints.txt."""
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_dependency_is_pinned(repository: Path):
    missing = sorted(set(wanted(repository)) - set(pins(repository)))
    assert not missing, f"not in constraints.txt: {missing}"


def test_pins_fit_the_ranges(repository: Path):
    from packaging.requirements import Requirement

    versions = pins(repository)
    wrong = [text for name, text in wanted(repository).items() if not Requirement(text).specifier.contains(versions[name])]
    assert not wrong, f"constraints.txt pins a version outside of: {wrong}"


def test_every_pin_installs_with_the_oldest_python(repository: Path):
    """Debian 12 has Python 3.11.2, and some packages ask for a later 3.11."""
    from importlib import metadata

    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name

    project = tomllib.loads((repository / PROJECT).read_text(encoding="utf-8"))["project"]
    oldest = f"{project['requires-python'].removeprefix('>=')}.0"
    named = {canonicalize_name(name) for name in pins(repository)}
    wrong = {
        found.name: found.metadata["Requires-Python"]
        for found in metadata.distributions()
        if canonicalize_name(found.name) in named
        and not SpecifierSet(found.metadata.get("Requires-Python") or "").contains(oldest)
    }
    assert not wrong, f"constraints.txt pins what does not install with Python {oldest}: {wrong}"


def test_torch_is_pinned_without_local_version(repository: Path):
    """`torch==2.13.0` fits a local `2.13.0+cpu` wheel and PyPI's CUDA build; with `+cpu` the install fails without that wheel."""
    assert not [version for version in pins(repository).values() if "+" in version]


def test_citation_names_this_version(repository: Path):
    assert f"version: {xstilts.__version__}\n" in (repository / "CITATION.cff").read_text(encoding="utf-8")


def test_the_newest_version_of_the_changelog_is_this_one(repository: Path):
    """Each version has a date, newest first; changes since then stand above it, under `Unreleased`."""
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    released = [heading for heading in headings if heading != "[Unreleased]"]
    assert headings in (released, ["[Unreleased]", *released])
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in released]
    versions = [(tuple(map(int, one[1].split("."))), one[2]) for one in found if one]
    assert len(versions) == len(released) and versions == sorted(versions, reverse=True)
    assert ".".join(map(str, versions[0][0])) == xstilts.__version__
    groups = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_ci_calls_the_targets_of_the_makefile(repository: Path):
    script = repository / ".ci" / "run"
    assert os.access(script, os.X_OK)
    targets = re.findall(r"^make (\S+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    assert targets and all(f"\n{target}: $(READY)" in makefile for target in targets)


def test_ci_runs_every_test(repository: Path):
    targets = re.findall(r"^make (\S+)$", (repository / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    marks = {
        name: re.search(rf"^{name}: .*\n\t\$\(PYTEST\) -m (.*)$", makefile, re.MULTILINE)[1] for name in ("test", "test-long")
    }
    assert marks == {"test": '"not long"', "test-long": "long"} and {"lint", *marks} <= set(targets)


def test_ci_skips_no_test_for_want_of_a_program(repository: Path):
    exported = re.findall(r"\b(XSTILTS_REQUIRE_\w+)=1", (repository / ".ci" / "run").read_text(encoding="utf-8"))
    assert sorted(exported) == sorted([required.SLURM, required.BROWSER, required.ENCODER])


@pytest.mark.parametrize(("name", "command"), [("checks", ".ci/run"), ("release", "make release")])
def test_workflows_run_what_a_checkout_has(name: str, command: str, repository: Path):
    workflow = yaml.safe_load((repository / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    assert set(workflow) >= {"name", True, "permissions", "jobs"}, "YAML reads the key `on` as true"
    (job,) = workflow["jobs"].values()
    assert command in [step.get("run") for step in job["steps"]]


def test_issue_forms_have_what_github_asks_for(repository: Path):
    forms = sorted((repository / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert {path.stem for path in forms} > {"config"}
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem != "config":
            assert form["name"] and form["description"]
            questions = [part for part in form["body"] if part["type"] != "markdown"]
            assert len({part["id"] for part in questions}) == len(questions) > 0
            assert all(part["attributes"]["label"] for part in questions)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is to be released, or one that is built here without network (hatchling is in the dev extra)."""
    if given := os.environ.get("XSTILTS_WHEEL"):
        return repository / given
    folder = tmp_path_factory.mktemp("wheel")
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *flags, "--wheel-dir", str(folder), str(repository)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("xstilts-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's content, as `pip install` leaves it."""
    folder = tmp_path_factory.mktemp("installed")
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *flags, "--target", str(folder), str(wheel)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def python(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the installed copy (it comes before the editable install on the import path)."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        timeout=120,
    )


@pytest.mark.slow
def test_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path, repository: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    places = {"src/xstilts": "xstilts", "src/hydra_plugins": "hydra_plugins"}
    places |= {"conf": "xstilts/conf", "experiments": "xstilts/conf/experiments"}
    for folder, inside in places.items():
        suffixes = {".py"} if folder.startswith("src/") else {".yaml"}
        here = {path.relative_to(repository / folder) for path in (repository / folder).rglob("*") if path.suffix in suffixes}
        assert not (missing := {path for path in here if f"{inside}/{path.as_posix()}" not in names}), f"{folder}: {missing}"
    strangers = {name for name in names if not re.match(r"xstilts(/|-[\d.]+\.dist-info/)|hydra_plugins/xstilts/", name)}
    assert not strangers
    assert "hydra_plugins/__init__.py" not in names, "it would hide the plugins of other packages"
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "xstilts/py.typed" in names, "without it type checkers ignore our types"
    assert wheel.name == f"xstilts-{xstilts.__version__}-py3-none-any.whl"


@pytest.mark.slow
def test_installed_wheel_finds_its_config_from_any_directory(installed: Path, repository: Path, tmp_path: Path):
    program = "import xstilts.paths as paths; print(paths.__file__, paths.conf_dir(), paths.experiments_dir(), sep='\\n')"
    done = python(installed, tmp_path, "-c", program)
    assert done.returncode == 0, done.stderr
    module, conf, experiments = map(Path, done.stdout.splitlines())
    assert module == installed / "xstilts" / "paths.py"
    assert conf == installed / "xstilts" / "conf"
    assert experiments == installed / "xstilts" / "conf" / "experiments" and experiments.is_dir()
    tasks = {path.name for path in (conf / "task").glob("*.yaml")}
    assert tasks and tasks == {path.name for path in (repository / "conf" / "task").glob("*.yaml")}


@pytest.mark.slow
@pytest.mark.parametrize("how", [["-m", "xstilts.train"], ["-m", "xstilts", "train"]])
def test_installed_wheel_trains_from_any_directory(how: list[str], installed: Path, tmp_path: Path):
    """`--help` composes the whole default config, so it fails when a config file is missing."""
    done = python(installed, tmp_path, *how, "--help")
    assert done.returncode == 0, done.stderr
    assert "xlmr_large" in done.stdout
    assert not list(tmp_path.iterdir()), "left something behind in the working directory"


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_installed_wheel_has_the_launchers(launcher: str, installed: Path, tmp_path: Path):
    done = python(installed, tmp_path, "-m", "xstilts.train", "+target=xnli", f"hydra/launcher={launcher}", "--cfg", "hydra")
    assert done.returncode == 0, done.stderr
    assert "_target_: hydra_plugins.xstilts.launchers." in done.stdout


@pytest.mark.slow
def test_wheel_shows_its_commands_in_a_fresh_environment_without_libraries(wheel: Path, tmp_path: Path):
    """The first command after a broken or unfinished install, `xstilts --help`, needs no library."""
    fresh = tmp_path / "fresh"
    venv.create(fresh)
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(fresh), "install", *flags, str(wheel)], check=True)
    for option, expected in (("--help", "usage: xstilts COMMAND"), ("--version", f"xstilts {xstilts.__version__}\n")):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run([fresh / "bin" / "xstilts", option], capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert done.returncode == 0 and done.stdout.startswith(expected), done.stderr


@pytest.mark.slow
def test_wheel_console_script_is_the_cli(wheel: Path):
    with zipfile.ZipFile(wheel) as content:
        (name,) = [name for name in content.namelist() if name.endswith("entry_points.txt")]
        assert "xstilts = xstilts.cli:main" in content.read(name).decode()
