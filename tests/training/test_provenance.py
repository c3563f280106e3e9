"""Provenance of an artifact, in its metadata and its model card."""

from pathlib import Path
from typing import Any

import pytest

from xstilts.babel.declaration import WorldConfig
from xstilts.config import DataConfig, ModelConfig
from xstilts.jobs import TrainingData, TrainingJob
from xstilts.sources import source_of
from xstilts.sources.splits import DataSplit
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.tasks.declaration import DataMap, Generator, Source, Task, TrainingTask
from xstilts.training.provenance import provenance

HUB = Source(hub="stanfordnlp/snli", revision="c" * 40, files={"train": "x"})
MADE = Source(generator=Generator(name="inference"), files={"train": "x"})
TASK = Task(
    name="snli", format="classification", licence="CC BY-SA 4.0", homepage="https://x.y", sources={"hub": HUB, "babel": MADE}
)

ON_HUB = DataConfig(source="hub")


def told(data: DataConfig = ON_HUB, used: dict[str, Any] | None = None, map: str | None = None, **more: Any) -> dict[str, Any]:
    values = {
        "label": "phase 2: snli",
        "identity": {"parent": "1" * 20},
        "artifact": "store/trained/" + "2" * 20,
        "tasks": {
            "snli": TrainingData(
                source_of(TASK, data), DataSplit("train", ["en", "de"]), used=TrainingTask(**used or {"fraction": 0.5}), map=map
            )
        },
    }
    return provenance(TrainingJob(**values | more), {"snli": 96})


def artifact(folder: Path, metadata: dict[str, Any]) -> Path:
    with temporary_folder(folder) as temporary:
        publish(temporary, folder, metadata)
    return folder


@pytest.mark.parametrize(
    ("model", "encoder"),
    [
        ({"name_or_path": "A/b", "revision": "main"}, {"hub": "A/b", "revision": "main"}),
        ({"name_or_path": "/x/hub/models--A--b/snapshots/abc"}, {"hub": "A/b", "revision": "abc"}),
        ({"tokenizer": "A/b"}, {"random": True, "tokenizer": {"hub": "A/b", "revision": None}}),
    ],
)
def test_the_encoder_by_its_id_on_the_hub(model: dict[str, Any], encoder: dict[str, Any]) -> None:
    found = told(model=ModelConfig(**model))
    assert found["encoder"] == encoder | {"fingerprint": "1" * 20}
    assert found["lineage"] == [] and found["fingerprint"] == "2" * 20


def test_folders_by_their_names_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    tokenizer = artifact(tmp_path / "tokenizers" / "9999", {"label": "phase 1: tokenizer"})
    found = told(model=ModelConfig(name_or_path=str(tmp_path / "mine"), tokenizer=str(tokenizer)))["encoder"]
    assert found["folder"] == "mine" and found["tokenizer"] == {"artifact": "9999", "label": "phase 1: tokenizer"}
    assert str(tmp_path) not in str(found)


def test_the_lineage_grows_from_phase_to_phase(tmp_path: Path) -> None:
    second = told(model=ModelConfig(name_or_path="A/b"), artifact=str(tmp_path / "2"))
    artifact(tmp_path / "2", {"label": "phase 2: snli", **second})
    third = told(model=ModelConfig(name_or_path="A/b"), artifact=str(tmp_path / "3"), parent=str(tmp_path / "2"))
    artifact(tmp_path / "3", {"label": "phase 3: snli", **third})
    assert third["encoder"] == second["encoder"] and [one["label"] for one in third["lineage"]] == ["phase 2: snli"]
    assert third["lineage"][0]["data"] == second["data"]
    by_hand = told(model=ModelConfig(name_or_path=str(tmp_path / "3")))
    assert by_hand["encoder"] == second["encoder"] and [one["fingerprint"] for one in by_hand["lineage"]] == ["2", "3"]


def test_a_parent_of_an_earlier_version(tmp_path: Path) -> None:
    old = artifact(tmp_path / "2", {"label": "phase 2: snli", "identity": {}})
    found = told(model=ModelConfig(name_or_path="A/b"), parent=str(old))
    assert found["encoder"] == {"hub": "A/b", "revision": None}
    assert found["lineage"] == [{"label": "phase 2: snli", "fingerprint": "2", "data": {}}]


def test_data_from_the_hub() -> None:
    found = told(model=ModelConfig(name_or_path="A/b"))["data"]["snli"]
    assert (found["hub"], found["revision"], found["world"]) == ("stanfordnlp/snli", "c" * 40, None)
    assert (found["examples"], found["languages"], found["part"]) == (96, ["en", "de"], {"fraction": 0.5})
    assert found["licence"] == "CC BY-SA 4.0"


def test_data_of_a_synthetic_world_has_not_the_licence_of_the_real_one() -> None:
    found = told(model=ModelConfig(name_or_path="A/b"), data=DataConfig(source="babel", world=WorldConfig(seed=3)))["data"][
        "snli"
    ]
    assert (found["world"], found["licence"], found["hub"]) == (3, "", None)


def test_a_region_of_a_data_map(tmp_path: Path) -> None:
    found = told(used={"data_map": DataMap(region="hard")}, map=str(tmp_path / "4444"), model=ModelConfig(name_or_path="A/b"))
    assert found["data"]["snli"]["part"] == {"region": "hard", "share": 0.33, "data map": "4444"}
