"""An evaluation that was killed encodes the rest of the texts, and its vectors are those of an undisturbed one."""

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.small_world import data_of
from xstilts.config import TrainerConfig
from xstilts.data.batches import TaskFeatures
from xstilts.data.featurizers import retrieval
from xstilts.recipes import limits
from xstilts.training import vectors
from xstilts.training.prediction import Predicted, by_row
from xstilts.training.trainer import trainer_options
from xstilts.training.vectors import KeepVectors, Selected, Vectors, done, of_outputs, stored


@pytest.fixture
def texts(build, tokenizer):
    """An encoder, and the texts of queries and candidates."""
    phase = build("retrieval", count=24, retrieval_layers=[1, 2])
    made = retrieval.featurize(phase.examples, tokenizer, phase.task, limits(phase.model.hyperparameters), False)
    phase.features = TaskFeatures("pairs", phase.task, phase.examples, made, phase.features.special)
    return phase


class Count(pl.Callback):
    """Counts encoded texts, and kills the process after some batches."""

    def __init__(self, last=10**6):
        self.texts, self.last = 0, last

    def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.texts += len(outputs[1])
        if batch_idx == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def predict(phase, *callbacks, folder=None, keep=True):
    data = data_of(max_eval_tokens=40)
    data.evaluation = phase.features
    data.done = (lambda: done(folder, len(phase.features.features))) if folder else None
    trainer = pl.Trainer(**trainer_options(TrainerConfig(accelerator="cpu")), logger=False, callbacks=list(callbacks))
    return trainer.predict(phase.model, datamodule=data, return_predictions=not folder)


@pytest.mark.parametrize("kept_at_once", [1, 2000, 1 << 20])
def test_what_was_encoded_is_not_encoded_again(texts, tmp_path, monkeypatch, kept_at_once):
    monkeypatch.setattr(vectors, "KEEP_EVERY", kept_at_once)
    count = len(texts.features.features)
    outputs = by_row(predict(texts), {"pairs": texts.features})["pairs"]
    whole, every = of_outputs(outputs), np.arange(count)
    if (child := os.fork()) == 0:
        try:
            predict(texts, KeepVectors(tmp_path), Count(last=5), folder=tmp_path)
        finally:
            os._exit(3)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    before = int(done(tmp_path, count).sum())
    assert (before > 0) == (kept_at_once < 1 << 20)
    with pytest.raises(RuntimeError, match=f"{count - before} of {count} texts have no vector"):
        stored(tmp_path, count)
    counted = Count()
    predict(texts, KeepVectors(tmp_path), counted, folder=tmp_path)
    assert counted.texts == count - before
    found = stored(tmp_path, count)
    assert found.variants == whole.variants == ["1-mean", "2-mean"]
    for variant in range(2):
        np.testing.assert_array_equal(found.take(variant, every), whole.take(variant, every))
    here, there = (Predicted(texts.features, given).score(range(count), "en") for given in (outputs, found))
    assert here == there
    again = Count()
    predict(texts, KeepVectors(tmp_path), again, folder=tmp_path)
    assert again.texts == 0


def test_what_a_kill_has_left_half_written_is_dropped(tmp_path):
    def keep(rows):
        kept = KeepVectors(tmp_path)
        kept.on_predict_start(SimpleNamespace(global_rank=1), None)
        kept.on_predict_batch_end(None, None, ("t", rows, [{"0-cls": np.full(3, row, np.float32)} for row in rows]), None, 0)
        kept.keep()

    keep([4, 1])
    with (tmp_path / "1.rows").open("ab") as file:
        file.write(b"\0" * 5)
    with (tmp_path / "1.vectors").open("ab") as file:
        file.write(b"\1" * 17)
    assert done(tmp_path, 5).tolist() == [False, True, False, False, True]
    keep([0, 3, 2])
    assert stored(tmp_path, 5).take(0, np.arange(5)).tolist() == [[number] * 3 for number in range(5)]


@given(st.permutations(range(9)), st.integers(1, 8), st.lists(st.integers(0, 8), max_size=12), st.integers(1, 5))
def test_vectors_of_several_files_are_found_by_their_rows(order, cut, rows, size):
    matrix = np.random.default_rng(0).normal(size=(9, 2, 4)).astype(np.float32)
    places = np.empty(9, dtype=np.int64)
    places[order] = np.arange(9)
    found = Vectors(["a", "b"], [matrix[order[:cut]], matrix[order[cut:]]], places)
    chosen = np.array(rows, dtype=np.int64)
    np.testing.assert_array_equal(found.take(1, chosen), matrix[chosen, 1])
    selected = Selected(found, 0, chosen, torch.device("cpu"))
    slices = [selected[first : first + size] for first in range(0, len(rows), size)]
    assert len(selected) == len(rows) and torch.equal(
        torch.cat([*slices, torch.empty(0, 4)]), torch.from_numpy(matrix[chosen, 0])
    )
