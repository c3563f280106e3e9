"""Configs of the cells of a grid: composed once for all seeds, with progress. Which cells there are: test_sweeper.py."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from xstilts.launch import points


def test_cells_that_differ_in_the_seed_share_a_composition() -> None:
    composed: list[list[str]] = []

    def compose(overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return OmegaConf.create({"seed": 0, "target": overrides[0], "study": "s${seed}"})

    composer = points.Composer(compose)
    configs = [composer(cell) for cell in points.points(OverridesParser.create().parse_overrides(["seed=1,2,3", "+target=a,b"]))]
    assert [(config.target, config.seed, config.study) for config in configs] == [
        (f"+target={target}", seed, f"s{seed}") for target in ("a", "b") for seed in (1, 2, 3)
    ]
    assert composed == [["+target=a"], ["+target=b"]]


def test_progress_is_shown_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    monkeypatch.setattr(points, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    shown: list[str] = []
    monkeypatch.setattr(points.log, "info", shown.append)
    composer = points.Composer(lambda overrides: OmegaConf.create({}))
    composer.expected = 4
    for number in range(4):
        composer([f"x={number}"])
    assert shown == ["composed 1 of 4 configs", "composed 3 of 4 configs"]


def test_a_study_file_offers_all_of_its_grid_whatever_part_is_run(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.yaml").write_text("study: mine\n")
    sources = [{"schema": "pkg", "path": "hydra.conf"}, {"schema": "file", "path": str(tmp_path)}]
    runtime = {"choices": {"experiments": "mine"}, "config_sources": sources}
    sweeper = {"alternatives": {"none": [], "far": []}, "params": {"+target": "xnli, udpos", "seed": "1,2"}, "only": ["far"]}
    found = points.study_file(OmegaConf.create({"hydra": {"runtime": runtime, "sweeper": sweeper}}))
    assert found == points.StudyFile("mine", tmp_path / "experiments" / "mine.yaml", ("none", "far"), ("xnli", "udpos"))
    assert (
        points.study_file(OmegaConf.create({"hydra": {"sweeper": {"alternatives": None, "params": None}}})) == points.StudyFile()
    )
