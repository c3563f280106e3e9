"""CCGbank's form: tags whose names come from a file beside the data."""

import json
import re
from pathlib import Path

import pytest

from xstilts.config import Config, DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.labels import resolve_labels, with_labels
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import TrainingTask

CONF = Path(__file__).resolve().parents[2] / "conf"
TAGS = {"N/N": 1, "N": 0, "(S[dcl]\\NP)/NP": 2}


@pytest.fixture
def data(tmp_path, write) -> DataConfig:
    write("ccg/ccg.train", "Old men\tN/N N\n\nMen read books\tN (S[dcl]\\NP)/NP N\n")
    write("ccg/tags_to_id.json", json.dumps(TAGS))
    return DataConfig(root=str(tmp_path))


def test_the_number_of_a_tag_is_its_place(data):
    task = load_task(CONF, "ccg")
    assert task.labels == []
    assert with_labels(task, data).labels == ["N", "N/N", "(S[dcl]\\NP)/NP"]
    assert load(source_of(task, data), "train", ["en"])["tags"][:] == [["N/N", "N"], ["N", "(S[dcl]\\NP)/NP", "N"]]


def test_every_task_of_a_config_gets_its_labels(data):
    config = Config(data=data)
    config.intermediate.tasks["ccg"] = TrainingTask(task=load_task(CONF, "ccg"))
    config.target.task = load_task(CONF, "panx")
    resolve_labels(config)
    assert len(config.intermediate.tasks["ccg"].task.labels) == 3
    assert config.target.task.labels[0] == "B-LOC"


def test_a_missing_or_odd_file_is_told(data, tmp_path, write):
    task = load_task(CONF, "ccg")
    write("ccg/tags_to_id.json", json.dumps({"N": 1, "N/N": 2}))
    with pytest.raises(UserError, match=r"tags_to_id\.json: expected a JSON object label -> number with the numbers 0 to 1"):
        with_labels(task, data)
    write("ccg/tags_to_id.json", json.dumps({"N": 0, "": 1}))
    with pytest.raises(UserError, match=r"tags_to_id\.json: got an empty label"):
        with_labels(task, data)
    (tmp_path / "ccg/tags_to_id.json").unlink()
    with pytest.raises(UserError, match=rf"no labels of task 'ccg': looked for {re.escape(str(tmp_path))}/ccg/tags_to_id\.json"):
        with_labels(task, data)


def test_the_hub_is_refused_with_the_way_round(data):
    data.source = "hub"
    with pytest.raises(UserError, match=r"ccg cannot be read from data=hub: the licence of CCGbank .* data=xtreme"):
        load(source_of(load_task(CONF, "ccg"), data), "train", ["en"])


@pytest.mark.parametrize(
    ("line", "told"), [("Old men\tN/N", "2 words and 1 tag"), ("Old men N/N N", "no TAB"), ("Old\tX", "unknown tag 'X'")]
)
def test_a_line_that_does_not_fit_is_told(data, write, line, told):
    write("ccg/ccg.train", f"Men\tN\n{line}\n")
    with pytest.raises(UserError, match=rf"ccg\.train:2: {told}"):
        load(source_of(load_task(CONF, "ccg"), data), "train", ["en"])
