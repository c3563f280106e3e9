"""W&B's moods, each against a stand-in server: dying, refusing, absent. Training goes on, and one line tells."""

import logging
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import LoggerConfig
from xstilts.tracking import runs
from xstilts.tracking.history import STEP
from xstilts.tracking.identity import RunIdentity

pytestmark = pytest.mark.slow

WANDB = LoggerConfig(name="wandb")
SYNC = "upload with: wandb sync"


@pytest.fixture
def identity(tmp_path: Path) -> RunIdentity:
    return RunIdentity("0123456789abcdef", "study", "phase 2", "phase 2: mnli, seed 1", ["mnli"], str(tmp_path), {"seed": 1})


def train(identity: RunIdentity, steps: range, resumed: bool = False, meanwhile: Any = lambda step: None) -> None:
    with runs.tracked(WANDB, identity, {"identity": {"kind": "training"}}, resumed) as run:
        for step in steps:
            run.log({"train/loss": 10.0 - step}, step)
            meanwhile(step)


class Killed(BaseException):
    """The process ends here."""


def kill_at(last: int) -> Any:
    def kill(step: int) -> None:
        if step == last:
            raise Killed

    return kill


@pytest.mark.slow
def test_offline_a_second_attempt_has_the_whole_curve_and_takes_the_place_of_the_first(identity, offline_runs, tmp_path, caplog):
    caplog.set_level(logging.INFO, "xstilts")
    with pytest.raises(Killed):
        train(identity, range(10), meanwhile=kill_at(6))
    train(identity, range(4, 10), resumed=True)  # its last checkpoint was older than its last row
    found = offline_runs(tmp_path)
    (run,) = found.values()
    assert run.curve("train/loss") == [(step, 10 - step) for step in range(10)]
    assert run.exit_code == 0 and run.id == identity.id
    assert len(list((tmp_path / "wandb").glob("superseded-offline-run-*"))) == 1
    assert [SYNC in record.getMessage() for record in caplog.records if record.name == "xstilts"] == [True, True]


@pytest.mark.slow
def test_online_a_second_attempt_resumes_the_run_and_doubles_nothing(identity, wandb_server):
    with pytest.raises(Killed):
        train(identity, range(10), meanwhile=kill_at(6))
    assert wandb_server.runs[identity.id].exit_code == 1
    train(identity, range(4, 10), resumed=True)
    (seen,) = wandb_server.runs.values()
    assert [row[STEP] for row in seen.history] == list(range(10))
    assert wandb_server.variables("RunResumeStatus") and seen.exit_code == 0
    assert seen.told["groupName"] == "study" and seen.told["tags"] == ["mnli"]


@pytest.mark.slow
def test_a_server_that_dies_stops_nothing_and_the_rest_can_be_uploaded(identity, wandb_server, offline_runs, tmp_path, caplog):
    train(identity, range(10), meanwhile=lambda step: wandb_server.stop() if step == 4 else None)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("W&B did not take all in time; upload with: wandb sync --include-online ")
    (run,) = offline_runs(tmp_path, "run").values()
    assert run.curve("train/loss") == [(step, 10 - step) for step in range(10)]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "said"), [(401, "refuses or does not answer"), (None, "Connection refused")])
def test_a_server_that_refuses_or_is_absent_means_offline(identity, wandb_server, offline_runs, tmp_path, caplog, status, said):
    caplog.set_level(logging.INFO, "xstilts")
    if status:
        wandb_server.status = status
    else:
        wandb_server.stop()
    train(identity, range(3))
    (line,) = [record.getMessage() for record in caplog.records if record.name == "xstilts"]
    assert said in line and SYNC in line and "\n" not in line
    (run,) = offline_runs(tmp_path).values()
    assert len(run.curve("train/loss")) == 3


def test_other_loggers_and_other_processes_have_no_run(identity, tmp_path, monkeypatch):
    from pytorch_lightning.utilities import rank_zero_only

    with runs.tracked(LoggerConfig(name="csv"), identity, {}) as run:
        run.log({"train/loss": 1.0}, 1)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    train(identity, range(3))
    assert not (tmp_path / "wandb").exists()


def test_logged_in_by_key_or_netrc(wandb_server, tmp_path, monkeypatch):
    import wandb

    assert runs.logged_in()
    monkeypatch.delenv("WANDB_API_KEY")
    wandb.teardown()  # forgets the environment of before
    assert not runs.logged_in()
    place = tmp_path / "netrc"
    place.write_text("machine 127.0.0.1 login user password " + "0" * 40)
    monkeypatch.setenv("NETRC", str(place))
    assert runs.logged_in()
