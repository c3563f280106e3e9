"""Encoders that are refused, and scores that would come from weights that nothing trained."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.cell.checks import encoder
from xstilts.cell.resolve import resolve
from xstilts.config import Config
from xstilts.hyperparameters import Hyperparameters
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_names


def problems(config):
    return encoder.problems(resolve(config))


def task(format, name="t"):
    return Task(name=name, format=format)


@pytest.fixture
def config(tmp_path):
    """A cell that has an encoder, a target of format classification and a training for it."""
    made = Config()
    made.model.name_or_path = str(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 512}))
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "vocab.txt").touch()
    made.target.task = task("classification")
    made.target.training = {"u": TrainingTask(task("classification", "u"))}
    return made


def test_a_sound_cell_has_no_problem(config):
    assert list(problems(config)) == []
    config.model.name_or_path, config.model.tokenizer = "owner/encoder", "owner/tokenizer"
    assert list(problems(config)) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"model_type": "mt5", "is_encoder_decoder": True}, "a model of the type mt5, an encoder-decoder"),
        (
            {"model_type": "gpt2"},
            "a model of the type gpt2, a decoder, which is taken only to embed texts for a retrieval target, without training",
        ),
        ({}, "a model without model_type in its config.json"),
    ],
)
def test_a_folder_without_an_encoder(values, found, config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert list(problems(config)) == [
        f"model.name_or_path={tmp_path} holds {found}; expected an encoder of text, such as FacebookAI/xlm-roberta-base"
    ]


def test_a_type_without_gradient_checkpointing(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "albert"}))
    config.trainer.gradient_checkpointing = True
    (line,) = problems(config)
    assert line == (
        f"model.name_or_path={tmp_path}: transformers has no gradient checkpointing for encoders of the type albert: leave out "
        "trainer.gradient_checkpointing and type a smaller trainer.max_tokens"
    )


def test_what_a_folder_lacks(config, tmp_path):
    (tmp_path / "vocab.txt").rename(tmp_path / "words.txt")
    assert list(problems(config)) == [
        f"no fast tokenizer in the folder '{tmp_path}': expected tokenizer.json or a SentencePiece model "
        "(sentencepiece.bpe.model, spm.model) in it; type model.tokenizer=FOLDER"
    ]
    (tmp_path / "spm.model").touch()
    (tmp_path / "model.safetensors").unlink()
    assert list(problems(config)) == [f"the folder '{tmp_path}' holds no weights: expected model.safetensors in it"]
    (tmp_path / "config.json").unlink()
    (line,) = problems(config)
    assert line == f"the folder '{tmp_path}' holds no encoder: expected config.json and model.safetensors in it"


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_config_of_an_encoder(text, config, tmp_path):
    (tmp_path / "config.json").write_text(text)
    (line,) = problems(config)
    assert line.startswith(f"{tmp_path / 'config.json'}: ")


def test_a_path_without_a_folder(config):
    config.model.name_or_path = "~/no/such/folder"
    (line,) = problems(config)
    assert line.startswith("there is no folder '~/no/such/folder': expected")


def test_flash_attention_needs_its_package_and_half_precision(config, monkeypatch):
    config.model.attention = "flash_attention_2"
    monkeypatch.setattr("xstilts.encoders.FLASH_PACKAGE", "no_such_package")
    assert list(problems(config)) == [
        "model.attention=flash_attention_2 needs the package no_such_package, which is not installed: type model.attention=sdpa"
    ]
    monkeypatch.setattr("xstilts.encoders.FLASH_PACKAGE", "json")
    assert list(problems(config)) == [
        "model.attention=flash_attention_2 computes in half precision only: type trainer.precision=bf16-mixed"
    ]
    config.trainer.precision = "bf16-mixed"
    assert list(problems(config)) == []


@pytest.mark.parametrize("format", format_names())
@pytest.mark.parametrize("intermediate", [True, False])
def test_a_target_without_training_has_no_head(format, intermediate, config):
    """Not even after phase 2: that head is of another task."""
    config.target.task, config.target.training = task(format), {}
    if intermediate:
        config.intermediate.tasks = {"u": TrainingTask(task(format, "u"))}
    found = list(problems(config))
    if format == "retrieval":
        assert found == []
    else:
        (line,) = found
        assert line.startswith("target t: target.training is empty") and "type +target=t with its training" in line
        assert line.endswith("for a checkpoint with a head of its own, xstilts evaluate (target.head=given)")


def test_a_checkpoint_with_its_own_head_needs_no_training(config, tmp_path):
    values = {"model_type": "bert", "max_position_embeddings": 512, "architectures": ["BertForSequenceClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(values | {"id2label": {"0": "no", "1": "yes"}}))
    config.target.task.labels, config.target.training, config.target.head = ["yes", "no"], {}, "given"
    assert list(problems(config)) == []
    config.intermediate.tasks = {"u": TrainingTask(task("classification", "u"))}
    (line,) = problems(config)
    assert line == "target.head=given evaluates a checkpoint as it is, without training: leave +intermediate out"
    config.intermediate.tasks, config.target.task.labels = {}, ["good", "bad"]
    (line,) = problems(config)
    assert line.startswith(f"model.name_or_path={tmp_path} has the labels no, yes, and task t has good, bad")
    (tmp_path / "config.json").write_text("{}")
    (line,) = problems(config)  # not of its head, too
    assert "holds a model without model_type" in line


POOLED = Hyperparameters(retrieval_pooling=["pooler"])


def cell(config, policy="carried", second=(), third=(), pooling=("pooler",), training_pooling=None, type="bert"):
    """A retrieval cell with phases of these formats; `training_pooling`: of its training, else as in evaluation."""
    if config.model.name_or_path:
        (Path(config.model.name_or_path) / "config.json").write_text(json.dumps({"model_type": type}))
    chosen = Hyperparameters(retrieval_pooling=list(pooling))
    trained = Hyperparameters(retrieval_pooling=list(training_pooling or pooling))
    tables = {"t": chosen} | {f"third{number}": trained for number in range(len(third))}
    return replace(
        config,
        model=replace(config.model, pooler=policy),
        recipe=replace(config.recipe, tasks=tables),
        intermediate=replace(
            config.intermediate, tasks={f"second-{format}": TrainingTask(task(format, f"second-{format}")) for format in second}
        ),
        target=replace(
            config.target,
            task=task("retrieval"),
            training={f"third{number}": TrainingTask(task(format, f"third{number}")) for number, format in enumerate(third)},
        ),
    )


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({}, False),
        ({"pooling": ("mean",)}, True),
        ({"pooling": ("mean", "pooler")}, False),
        ({"second": ("tagging",)}, False),
        ({"second": ("classification",)}, True),  # of a BERT
        ({"second": ("classification",), "type": "xlm-roberta"}, False),
        ({"second": ("multiple_choice",), "type": "modernbert"}, False),
        ({"second": ("multiple_choice",)}, True),
        ({"second": ("multiple_choice",), "policy": "fresh"}, True),  # phase 4 takes the pooler of the last artifact
        ({"second": ("multiple_choice",), "policy": "none"}, False),
        ({"second": ("multiple_choice", "tagging")}, True),
        ({"third": ("retrieval",)}, True),
        ({"third": ("retrieval",), "policy": "fresh"}, True),
        ({"third": ("retrieval",), "policy": "none"}, False),
        ({"third": ("retrieval",), "training_pooling": ("mean",)}, False),
        ({"third": ("retrieval",), "training_pooling": ("mean", "pooler")}, False),  # it trains the first one only
        ({"third": ("retrieval",), "training_pooling": ("pooler", "mean")}, True),
        ({"second": ("multiple_choice",), "third": ("retrieval",), "training_pooling": ("mean",)}, False),  # not handed on
        ({"second": ("multiple_choice",), "third": ("retrieval",), "training_pooling": ("mean", "pooler")}, True),
        (
            {
                "second": ("multiple_choice",),
                "third": ("retrieval",),
                "training_pooling": ("mean", "pooler"),
                "policy": "fresh",
            },
            False,
        ),
        ({"third": ("retrieval", "retrieval")}, True),
    ],
)
def test_a_pooler_must_be_trained_and_handed_on(options, trained, config):
    found = list(problems(cell(config, **options)))
    assert (found == []) == trained, found
    assert all("retrieval_pooling=" in line and "type target.recipe.retrieval_pooling=[mean]" in line for line in found)


def test_an_encoder_of_any_kind_gives_no_trained_pooler(config):
    for policy, model in itertools.product(("carried", "fresh"), (None, "owner/encoder")):
        made = cell(config, policy=policy)
        made.model.name_or_path, made.model.tokenizer = model, "owner/tokenizer"
        assert len(list(problems(made))) == 1
