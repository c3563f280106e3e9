"""The benchmarks of training and evaluation run, and what they hold against each other computes the same."""

import json
import os
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

if TYPE_CHECKING:
    from benchmarks import corpus as corpora


@pytest.mark.long
def test_the_benchmarks_run(repository: Path, shared_data: Path, tmp_path: Path):
    told = os.environ | {"XSTILTS_BENCHMARK_ENCODER": "tiny", "XSTILTS_SHARED_DATA": str(shared_data), "OMP_NUM_THREADS": "1"}
    told.pop("XSTILTS_TEST_ENCODER", None)
    told.pop("PYTHONSAFEPATH", None)  # of a command that ran in this process; benchmarks is no package but a folder here
    words = [sys.executable, "-m", "benchmarks", "training", "evaluation", "--out", str(tmp_path)]
    done = subprocess.run(words, cwd=repository, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for name in ("training", "evaluation") for line in json.loads((tmp_path / f"{name}.json").read_text())["lines"]]
    assert {line["group"] for line in lines} == {"training", "evaluation", "overheads"}
    left_out = [line for line in lines if line["theirs"] is None]
    assert [line["name"] for line in left_out] == ["real encoder"] and "left out" in left_out[0]["note"]
    measured = [line for line in lines if line not in left_out]
    assert len(measured) == 27 and all(line["ours"] > 0 and line["theirs"] > 0 for line in measured)
    assert {line["rounds"] for line in measured} == {2, 5}
    for precision in ("float32", "bf16"):
        with_cpu = [line for line in measured if line["precision"] == precision and line["cpu"]]
        assert len(with_cpu) == 4 and all(min(line["cpu"]) > 0 for line in with_cpu)


@pytest.mark.long
def test_a_grid_is_the_same_work_by_scripts(monkeypatch: pytest.MonkeyPatch, in_this_process: Any):
    from benchmarks import grid, ours, scripts
    from xstilts import pretrain, train

    commands = {"benchmarks.scripts": scripts.main}
    xstilts = {"pretrain": pretrain.main, "train": train.main}

    def finish(command: list[str], here: Path) -> None:
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", here / "datasets")
        name, *words = command
        with in_this_process(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            commands[name](words) if name in commands else xstilts[words[0]]([*words[1:], "trainer.accelerator=cpu"])

    monkeypatch.setattr(ours, "ENCODER", "tiny")
    monkeypatch.setattr(grid, "_finish", finish)
    monkeypatch.setattr(grid, "_cpu_of_children", time.process_time)
    by_scripts, apart, trainings, tokens = grid.lines(False)
    assert by_scripts.peer == grid.SCRIPTS and apart.peer == grid.APART and min(*by_scripts.cpu, *apart.cpu) > 0
    assert (trainings.ours, trainings.theirs) == (4, 7) and tokens.ratio > 1
    assert "steps and" in by_scripts.note


def test_a_scripts_phase_does_not_take_over_the_number_of_labels(tmp_path: Path):
    from benchmarks.scripts import model_of

    shape = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    XLMRobertaForSequenceClassification(XLMRobertaConfig(**shape, num_labels=3)).save_pretrained(tmp_path)
    answering = model_of({"format": "span_qa", "labels": []}, str(tmp_path))
    tagging = model_of({"format": "tagging", "labels": list("abcd")}, str(tmp_path))
    assert (answering.qa_outputs.out_features, tagging.classifier.out_features) == (2, 4)


def test_a_line_says_when_its_rounds_scatter_and_has_the_processor_time_beside():
    from benchmarks.rounds import Seconds, compared
    from benchmarks.table import markdown

    calm = compared(
        "training", "a step", "s", [1.0, 1.0, 1.0], "peer", [1.9, 2.0, 2.1], note="x", cpu=([2.0] * 3, [3.0, 5.0, 6.0])
    )
    assert calm.ratio == 2.0 and calm.note == "x" and calm.cpu == (2.0, 5.0, 2.5)
    wild = compared("training", "a step", "s", [1.0, 1.0, 1.0], "peer", [1.0, 2.0, 3.0])
    assert wild.note == "rounds scatter by 100 %: measure again on a quiet machine" and wild.cpu is None
    assert "2.00 s / 5.00 s: 2.50" in markdown([asdict(calm), asdict(wild)])
    seconds = Seconds(2.0, 3.0)
    assert seconds == 2.0 and seconds.cpu == 3.0


@pytest.fixture
def few(repository: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch):
    """few(task) -> some of its real features, for training."""
    from benchmarks import corpus as corpora  # each of these imports takes seconds: Hugging Face's Trainer comes along

    monkeypatch.setattr(corpora, "SHARED", shared_data)
    corpora.tokenizer.cache_clear()

    def take(name: str) -> "corpora.Corpus":
        whole = corpora.corpus(name, "train" if name == "xnli" else "test", ["en"], training=True)
        made = whole.features.features.select(range(0, 60, 5)).flatten_indices()
        return replace(whole, features=replace(whole.features, features=made))

    yield take
    torch.use_deterministic_algorithms(False)
    corpora.tokenizer.cache_clear()


CONFIG = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
CONFIG |= {"vocab_size": 16_384, "max_position_embeddings": 514, "type_vocab_size": 1}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.mark.parametrize(("task", "name"), [("xnli", "classifier"), ("xquad", "qa_outputs")])
def test_equal_weights_have_the_loss_of_hugging_faces_model(few, monkeypatch, task, name):
    from benchmarks import ours, peers

    monkeypatch.setattr(ours, "RECIPE", replace(ours.RECIPE, head_dropout=0.0))
    data, config = few(task), XLMRobertaConfig(**CONFIG, **NO_DROPOUT)
    mine, theirs = ours.task_model(data, config), peers.model_of(data, config)
    mine.encoder.backbone.load_state_dict(theirs.roberta.state_dict())
    head = mine.head(data.features.head)
    head.load_state_dict({f"model.{name}.{key}": value for key, value in getattr(theirs, name).state_dict().items()})
    ours.trim(mine, data)
    rows = list(range(12))
    features = data.dictionaries(rows)
    if task == "xnli":  # in span QA theirs takes padding for a possible answer, so that its loss is another with padding
        features = peers.padded(features, data.limits.max_length)
    single = [{key: torch.tensor([value]) for key, value in feature.items()} for feature in features]
    expected = sum(theirs.train()(**one).loss for one in single) / len(rows)
    mine.train()
    parts = [data.features.collate(rows[:5]), data.features.collate(rows[5:])]
    found = sum(head.loss_sum(mine.encoder, part) for part in parts) / sum(head.items(part) for part in parts)
    assert mine.encoder.padding_free and found.item() == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    found.backward()
    layer = "encoder.layer.0.output.dense.weight"
    torch.testing.assert_close(
        mine.encoder.backbone.get_parameter(layer).grad, theirs.roberta.get_parameter(layer).grad, rtol=1e-3, atol=1e-6
    )


def test_what_hugging_face_sees_is_what_we_see(few):
    from benchmarks import peers

    data = few("xquad")
    (feature,) = peers.padded(data.dictionaries([3]), 384)
    batch = data.features.collate([3])
    length = batch["input_ids"].shape[1]
    assert feature["input_ids"][:length] == batch["input_ids"][0].tolist() and set(feature["input_ids"][length:]) <= {1}
    assert feature["start_positions"] == batch["start_positions"].item() and sum(feature["attention_mask"]) == length


def test_a_plain_loop_ends_where_the_trainer_ends(few, monkeypatch):
    from benchmarks import ours

    # A large epsilon: else Adam makes a step out of a gradient that is nothing but rounding.
    monkeypatch.setattr(ours, "RECIPE", replace(ours.RECIPE, head_dropout=0.0, learning_rate=1e-3, adam_epsilon=0.01))
    data, config = few("xnli"), XLMRobertaConfig(**CONFIG, **NO_DROPOUT)
    turns, models = Turns(), []
    monkeypatch.setattr(ours, "trim", lambda model, corpus: models.append(model))
    for mode in ("ours", "plain"):
        ours.train(turns, data, config, [(mode, np.arange(4)), ("ours", np.arange(4, 8))])
    assert turns.waited == turns.finished == 4
    by_trainer, by_loop = (model.state_dict() for model in models)
    for key, value in by_trainer.items():
        torch.testing.assert_close(by_loop[key], value, rtol=1e-4, atol=1e-6)


class Turns:
    """Nobody else takes part."""

    def __init__(self) -> None:
        self.waited = self.finished = 0

    def wait(self) -> None:
        self.waited += 1

    def done(self) -> None:
        self.finished += 1


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_that_were_rounded_before_come_back_to_the_bit(bits):
    from benchmarks import pack

    torch.manual_seed(0)
    name, weight = "encoder.layer.0.output.dense.weight", torch.randn(8, 64)
    weight[3] = 0
    once = pack.restored(**pack.quantised(name, weight, bits))
    again = pack.restored(**pack.quantised(name, once, bits))
    assert torch.equal(once, again)
    largest = weight.reshape(-1, 32).abs().amax(1)
    error = (once - weight).reshape(-1, 32).abs().amax(1)
    assert (error <= 1.01 * largest / 2 ** (bits - 1)).all(), "the largest number of the other sign may lose a whole step"


def test_a_study_gives_the_same_from_its_pack(toy_world, run_inline, tmp_path):
    from transformers import AutoTokenizer, XLMRobertaModel

    from benchmarks import pack

    tokenizer = AutoTokenizer.from_pretrained(toy_world.tokenizer, trust_remote_code=False)
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 130, "pad_token_id": 1}
    model = XLMRobertaModel(XLMRobertaConfig(**CONFIG | sizes), add_pooling_layer=False)
    model.bfloat16().float().save_pretrained(tmp_path / "encoder")
    tokenizer.save_pretrained(tmp_path / "encoder")
    cell = ("+target=xquad", "target.languages=[de]", "target.recipe.max_steps=4", "target.recipe.max_length=128")
    cell += ("target.recipe.eval_every=0", "target.recipe.selection=last", "target.recipe.max_query_length=32")
    here = (f"model.name_or_path={tmp_path / 'encoder'}", "data=xtreme", f"data.root={toy_world.root}")
    pack.pack(tmp_path / "pack.tar.gz", 16, [*here, *cell])
    there = pack.unpack(tmp_path / "pack.tar.gz", tmp_path / "there")
    files = {path.name for path in (tmp_path / "there" / "data" / "0").rglob("*.json")}
    assert files == {"train-v1.1.json", "xquad.de.json"}, "validation is not read where the last weights count"
    config = json.loads((tmp_path / "there" / "encoder" / "config.json").read_text())
    assert config["vocab_size"] < len(tokenizer)
    expected, found = (
        run_inline(*words, *cell, "trainer.accelerator=cpu", f"store.root={tmp_path / name}", f"output={tmp_path / name}")
        for name, words in (("a", here), ("b", there))
    )
    assert found.result["rows"] == expected.result["rows"]
