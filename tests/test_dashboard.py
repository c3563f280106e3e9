"""The dashboard of a study: what is posted to a stand-in server, and one clear line where it cannot be made."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from xstilts import dashboard
from xstilts.paths import sweep_summary
from xstilts.reporting.analysis import analyse
from xstilts.reporting.declared import record, typed
from xstilts.store.results import SCHEMA

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two cells of XNLI: the intermediate task gains 5 in English and 10 in the others."""
    folder = tmp_path / "out" / "results"
    folder.mkdir(parents=True)
    for choice, scores in (("none", (80.0, 60.0, 50.0)), ("snli", (85.0, 70.0, 60.0))):
        rows = [
            {"task": "xnli", "language": code, "split": "test", "metric": "accuracy", "value": value, "examples": 10}
            for code, value in zip(("en", "de", "sw"), scores, strict=True)
        ]
        cell = {"study": "small", "intermediate": [choice], "target": "xnli", "seed": 1, "model": "tiny", "recipe": "jiant"}
        artifact = {"kind": "trained", "fingerprint": "f" * 64, "label": "phase 3: mnli"}
        config = {"target": {"task": {"name": "xnli", "metrics": ["accuracy"]}}, "intermediate": {"tasks": {}}}
        document = {"schema": SCHEMA, "cell": cell, "fingerprint": choice * 16, "artifacts": [artifact], "rows": rows}
        document |= {"degenerate": [], "versions": {}, "config": config}
        (folder / f"{choice}.xnli.seed1.{choice}{choice}.json").write_text(json.dumps(document))
    return tmp_path / "out"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # wandb-workspaces 0.4.13 is written for pydantic 1
def test_a_workspace_and_a_report_with_the_gains(wandb_server: Any, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb_workspaces")
    contrast = {"kind": "contrast", "a": ["snli"], "b": ["none"], "expect": "positive"}
    declared = record(typed({"primary": {"helps": contrast}}), [], 0)
    sweep_summary(study).write_text(json.dumps({"declared": declared}))
    assert [row[0:2] + row[-1:] for row in dashboard.answers(analyse(study))] == [["primary", "helps", "cannot be tested"]]
    dashboard.main([str(study), "--entity", "me"])
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["workspace", "report"]
    (gains,) = wandb_server.runs.values()
    assert (gains.told["groupName"], gains.told["jobType"]) == ("small", "gains")
    assert gains.summary["gain/xnli/snli"] == 10.0
    rows = dashboard.gains(analyse(study))["xnli"]
    assert [(row["group"], row["difference"], row["seeds"]) for row in rows] == [
        ("source language", 5.0, 1),
        ("other languages", 10.0, 1),
    ]
    assert all(row["p_corrected"] is row["low"] is None for row in rows), "one run, no items"
    (workspace,), (report,) = wandb_server.variables("UpsertView2"), wandb_server.variables("upsertView")
    titles = [
        "Answer",
        "Gains: intermediate x target; no intervals",
        "Languages",
        "Transfer gap",
        "Training curves",
        "Throughput",
        "Lineage",
    ]
    sections = json.loads(workspace["spec"])["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == titles
    assert all(f'"text":"{title}"' in report["spec"].replace('": "', '":"') for title in titles)
    for spec in (workspace["spec"], report["spec"]):
        assert all(name in spec for name in ("gain/xnli/snli", "xnli/de", "xnli/transfer gap", "phase-3-mnli-ffffffff", "small"))


def test_nobody_logged_in(
    wandb_server: Any, study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(SystemExit, match="^2$"):
        dashboard.main([str(study), "--entity", "me"])
    assert capsys.readouterr().err == "error: nobody is logged in to W&B: type `wandb login`, or set WANDB_API_KEY\n"


def test_without_the_extra(
    wandb_server: Any, study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("wandb_workspaces.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    with pytest.raises(SystemExit, match="^2$"):
        dashboard.main([str(study / "nothing"), "--entity", "me"])
    expected = "error: a dashboard needs wandb-workspaces: type `pip install 'xstilts[dashboard]'`\n"
    assert capsys.readouterr().err == expected
    assert not wandb_server.runs


def test_no_server(wandb_server: Any, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wandb_server.stop()
    with pytest.raises(SystemExit, match="^2$"):
        dashboard.main([str(study), "--entity", "me"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: W&B cannot be reached (") and "refused" in line
