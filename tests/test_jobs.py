"""A job is unchanged when it is written to a file and read again."""

import json

import pytest

from xstilts.config import DataConfig, Mixture, ModelConfig, TinyArchitecture, TrainerConfig
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import EvaluationJob, TrainingData, TrainingJob, read_job, write_job
from xstilts.sources import source_of
from xstilts.sources.splits import DataSplit
from xstilts.tasks.declaration import DataMap, Limits, Source, Task, TrainingTask

TASK = Task(
    name="xnli",
    format="classification",
    labels=["nein", "ja", "日本"],
    sources={
        "xtreme": Source(reader="delimited", files={"train": "a b.tsv"}, columns={"a": ["x", "y"]}, options={"header": True})
    },
)

SOURCE = source_of(TASK, DataConfig(root="data"))


def training() -> TrainingJob:
    return TrainingJob(
        label="phase 2: mnli",
        identity={"seed": 1, "nested": {"a": [1, 2.5, None, "ü"]}},
        artifact="store/trained/f00",
        resume="last.ckpt",
        carry_head=True,
        model=ModelConfig(tokenizer="folder", tiny=TinyArchitecture(hidden_size=32)),
        tasks={
            "xnli": TrainingData(
                SOURCE,
                DataSplit("train", ["en", "de"], {"train/en/data": "0" * 64}),
                DataSplit("validation:5%", ["en", "de"]),
                TrainingTask(fraction=0.1, data_map=DataMap("hard"), parallel="rotate"),
                hyperparameters=Hyperparameters(epochs=0.5),
                limits=Limits(max_length=64),
            )
        },
        hyperparameters=Hyperparameters(learning_rate=1e-5, retrieval_layers=[1, 2]),
        mixture=Mixture(cap=None),
        seed=2**40,
        trainer=TrainerConfig(num_threads=1),
    )


def evaluation() -> EvaluationJob:
    return EvaluationJob(SOURCE, label="phase 4: xnli", splits=[DataSplit("test", ["de"])], header={"cell": {"seed": 1}})


@pytest.mark.parametrize("job", [training(), evaluation(), TrainingJob()])
def test_a_job_is_read_as_it_was_written(job, tmp_path):
    path = tmp_path / "work" / "job.json"
    write_job(job, path)
    assert read_job(path) == job


def test_a_job_can_be_read_by_a_person(tmp_path):
    write_job(evaluation(), tmp_path / "job.json")
    text = (tmp_path / "job.json").read_text(encoding="utf-8")
    assert "日本" in text and json.loads(text)["kind"] == "evaluation"


def test_a_field_that_the_schema_does_not_know_is_refused(tmp_path):
    path = tmp_path / "job.json"
    write_job(training(), path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["job"]["trainer"]["divices"] = 2
    path.write_text(json.dumps(document))
    with pytest.raises(TypeError, match="divices"):
        read_job(path)
