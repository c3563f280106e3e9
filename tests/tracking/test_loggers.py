"""Loggers of training curves."""

import csv

import pytest

from xstilts.config import LoggerConfig
from xstilts.tracking.loggers import build_logger
from xstilts.tracking.runs import TrackedRun


def test_none_is_none(tmp_path):
    assert build_logger(LoggerConfig(name="none"), tmp_path, TrackedRun()) is False
    assert not list(tmp_path.iterdir())


def test_csv_is_a_file_in_the_work_folder(tmp_path):
    logger = build_logger(LoggerConfig(name="csv"), tmp_path, TrackedRun())
    logger.log_metrics({"train/loss/nli": 1.5}, step=3)
    logger.save()
    (path,) = tmp_path.rglob("metrics.csv")
    assert list(csv.DictReader(path.read_text().splitlines())) == [{"step": "3", "train/loss/nli": "1.5"}]


def test_tensorboard_writes_into_the_work_folder(tmp_path):
    pytest.importorskip("tensorboard")
    logger = build_logger(LoggerConfig(name="tensorboard"), tmp_path, TrackedRun())
    logger.log_metrics({"train/loss/nli": 1.5}, step=3)
    logger.finalize("success")
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_each_attempt_has_its_own_curves(tmp_path):
    for step in (3, 4):
        logger = build_logger(LoggerConfig(name="csv"), tmp_path, TrackedRun())
        logger.log_metrics({"train/loss/nli": 1.5}, step=step)
        logger.save()
    files = sorted(tmp_path.rglob("metrics.csv"))
    assert [path.read_text().splitlines()[1].split(",")[0] for path in files] == ["3", "4"]
