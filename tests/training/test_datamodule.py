"""The data module gives each process its share of every step and of every evaluation."""

from types import SimpleNamespace

import pytest

from tests.small_world import data_of, make_tokenizer
from xstilts.config import DataConfig
from xstilts.data import batches as batches_module
from xstilts.data.featurizers import tables
from xstilts.hyperparameters import Hyperparameters
from xstilts.sources import arrow_file, load
from xstilts.tasks.declaration import Source, Task
from xstilts.training.datamodule import TaskDataModule


def test_every_process_gets_its_share(build):
    phase = build("classification", batch_size=8)
    data = data_of(phase.features, plan=phase.plan, validation=[phase.features], max_tokens=8192, max_eval_tokens=60)
    whole = next(iter(data.train_dataloader()))
    batches = [batch.rows for batch in data.val_dataloader()]
    assert sum(whole.sizes) == 8 and len(batches) > 2
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)
    assert sum(next(iter(data.train_dataloader())).sizes) == 4
    assert [batch.rows for batch in data.val_dataloader()] == batches[1::2]


def test_a_loaded_state_is_where_the_steps_begin(build):
    data = build("classification", steps=3, max_tokens=100).data
    data.load_state_dict({"next_step": 2, "max_tokens": 50})
    assert [step.number for step in data.train_dataloader()] == [2]
    assert data.state_dict() == {"next_step": 3, "max_tokens": 50}


def text_module(root, store, lines, epochs=2.0):
    """A module of masked language modelling over a file with so many lines, each of a different number."""
    (root / "en.txt").write_text("".join(f"w{number % 60} w{number // 60}\n" for number in range(lines)))
    source = Source(reader="text", files={"train": "en.txt"})
    task = Task(name="lines", format="mlm", languages=["en"], sources={"xtreme": source}, metrics=["perplexity"])
    values = Hyperparameters(max_length=8, batch_size=7, epochs=epochs)
    data = TaskDataModule(task, make_tokenizer(), values, DataConfig(root=str(root)), validate=False, store=store)
    data.tasks["lines"].train = "train"
    data.setup("fit")
    return data


def batches(data):
    return [[batch["input_ids"].tolist() for batch in step.micro_batches] for step in data.train_dataloader()]


@pytest.mark.parametrize("chunk", [1, 3, 10_000])
def test_steps_are_the_same_however_much_is_in_memory(tmp_path, monkeypatch, chunk):
    in_memory = batches(text_module(tmp_path, "", 40))
    for module, name in ((load, "CHUNK"), (tables, "CHUNK"), (arrow_file, "ROWS"), (batches_module, "RELEASE_EVERY")):
        monkeypatch.setattr(module, name, chunk)
    data = text_module(tmp_path, str(tmp_path / f"store{chunk}"), 40)
    assert batches(data) == in_memory and len(in_memory) == 12
    for epoch in (range(6), range(6, 12)):
        rows = [row for number in epoch for row in data.plan.step(number)[1].tolist()]
        assert sorted(rows) == list(range(40)), "every line once an epoch"
    resumed = text_module(tmp_path, str(tmp_path / f"store{chunk}"), 40)
    resumed.load_state_dict({"next_step": 5, "max_tokens": None})
    assert batches(resumed) == in_memory[5:]
