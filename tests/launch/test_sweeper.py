"""The sweeper's grid: what is chosen on the command line or in a study, crossed with the study's alternatives."""

import errno
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from xstilts.errors import UserError
from xstilts.launch import cells
from xstilts.study import sweep

PARAMS = {"+target": "xnli,xquad"}
ALTERNATIVES = {"none": ["+intermediate=none"], "far": ["+intermediate=xnli", "intermediate.tasks.xnli.languages=${sets.far}"]}


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch) -> Any:
    """grid(arguments, ...) -> the cells that would be planned."""

    def cells(*arguments: str, params: Any = PARAMS, alternatives: Any = ALTERNATIVES, only: Any = None) -> list[tuple[str, ...]]:
        shown: list[Any] = []
        monkeypatch.setattr(sweep, "show_plan", lambda grid, compose, study: shown.extend(grid))
        written = {
            "params": params,
            "alternatives": alternatives,
            "only": only,
            "optional": None,
            "waves": True,
            "only_plan": True,
        }
        # Not at the top of the file: Hydra, when it looks for plugins, loads their modules anew.
        made = import_module("hydra_plugins.xstilts.sweeper").WaveSweeper(**written)
        made.config = OmegaConf.create({"hydra": {"sweeper": written}, "sets": {"far": ["a", "b"]}})
        made.hydra_context = SimpleNamespace(config_loader=None)  # type: ignore[assignment]
        made.sweep(list(arguments))
        return shown

    return cells


def test_every_alternative_meets_every_value(grid: Any) -> None:
    far = ("+intermediate=xnli", "intermediate.tasks.xnli.languages=${sets.far}", "intermediate.name=far")
    assert grid("seed=1,2") == [
        (*alternative, f"+target={target}", f"seed={seed}")
        for alternative in (("+intermediate=none", "intermediate.name=none"), far)
        for target in ("xnli", "xquad")
        for seed in (1, 2)
    ]


def test_the_command_line_replaces_what_the_study_chooses(grid: Any) -> None:
    assert grid("+target=mlqa", only=["none"]) == [("+intermediate=none", "intermediate.name=none", "+target=mlqa")]
    assert grid("+intermediate=qqp", "+target=mlqa") == [("+target=mlqa", "+intermediate=qqp")]


def test_without_alternatives_it_is_a_grid(grid: Any) -> None:
    assert grid("seed=1", alternatives=None) == [("+target=xnli", "seed=1"), ("+target=xquad", "seed=1")]


def test_seed_in_a_study_is_the_seed_of_each_cell(grid: Any) -> None:
    draw = "data.world.seed"
    found = grid("seed=1,2", "+target=xnli", params={draw: "${seed}"}, alternatives=None)
    assert found == [(rf"{draw}=$\{{seed\}}", "+target=xnli", f"seed={seed}") for seed in (1, 2)]


def test_an_unknown_alternative_is_one_line(grid: Any) -> None:
    with pytest.raises(UserError, match="^unknown alternative in hydra.sweeper.only 'fat': did you mean far\\?$"):
        grid(only=["fat"])


def test_a_grid_without_cells_is_refused(grid: Any) -> None:
    with pytest.raises(UserError, match="^the grid has no cells"):
        grid("seed=range(0,0)")


@pytest.mark.parametrize(("choices", "experiment"), [({"experiments": "babel"}, "babel"), ({}, "")])
def test_a_sweep_knows_its_study_file(choices: Any, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(sweep, "run", lambda *given: started.append(given))
    written = {"params": None, "alternatives": None, "only": None, "optional": None, "waves": True, "only_plan": False}
    made = import_module("hydra_plugins.xstilts.sweeper").WaveSweeper(**written)
    runtime = {"choices": {"hydra/launcher": "local", **choices}}
    made.config = OmegaConf.create({"hydra": {"sweeper": written, "sweep": {"dir": str(tmp_path)}, "runtime": runtime}})
    made.hydra_context = SimpleNamespace(config_loader=None)  # type: ignore[assignment]
    made.sweep(["+target=xnli"])
    assert [(given[-2], given[-1].name) for given in started] == [("local", experiment)]


@pytest.mark.parametrize(("reasons", "code"), [([None, None], 0), ([None, "lost"], 1), (["bad", "lost"], 2)])
def test_without_waves_what_went_wrong_in_other_processes_counts(
    reasons: Any, code: int, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(cells, "begun", [])
    monkeypatch.setattr(cells, "failures", [])
    written = {"params": None, "alternatives": None, "only": None, "optional": None, "waves": False, "only_plan": False}
    made = import_module("hydra_plugins.xstilts.sweeper").WaveSweeper(**written)
    made.config = OmegaConf.create({"hydra": {"sweeper": written, "sweep": {"dir": str(tmp_path)}}})
    made.hydra_context = SimpleNamespace(config_loader=None)  # type: ignore[assignment]
    jobs = [SimpleNamespace(return_value=reason) for reason in reasons]
    made.launcher = SimpleNamespace(launch=lambda grid, initial_job_idx: jobs)
    assert made.sweep(["seed=1,2"]) == reasons and cells.exit_code() == code


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(OmegaConf, "save", full)
    made = import_module("hydra_plugins.xstilts.sweeper").WaveSweeper(None, None, None, None, waves=True, only_plan=False)
    made.config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    with pytest.raises(UserError, match=rf"^disk full \(No space left on device\) while writing {tmp_path}: "):
        made._keep_config()
