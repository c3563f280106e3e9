"""Vectors of labelled items: which items a batch of each format has."""

import numpy as np
import torch

from xstilts.training.embed import labelled


def batch_of(build, format: str):
    """A batch of all features, hidden states that are different everywhere, and vectors of the rows."""
    phase = build(format)
    batch = phase.features.collate(range(len(phase.features.features)))
    rows, length = batch["input_ids"].shape
    hidden_BLD = torch.arange(rows * length * 3, dtype=torch.float32).reshape(rows, length, 3)
    return phase, batch, hidden_BLD, hidden_BLD[:, 0]


def test_rows_with_a_label(build):
    _, batch, hidden_BLD, texts_BD = batch_of(build, "classification")
    vectors, labels = labelled(batch, hidden_BLD, texts_BD)
    assert torch.equal(vectors, texts_BD) and torch.equal(labels, batch["labels"])


def test_each_choice_is_right_or_wrong(build):
    phase, batch, hidden_BLD, texts_BD = batch_of(build, "multiple_choice")
    vectors, labels = labelled(batch, hidden_BLD, texts_BD)
    wanted = [float(number == one["label"]) for one in phase.examples for number in range(len(one["choices"]))]
    assert labels.tolist() == wanted and len(vectors) == len(wanted)


def test_words_have_their_tags(build):
    phase, batch, hidden_BLD, texts_BD = batch_of(build, "tagging")
    vectors, labels = labelled(batch, hidden_BLD, texts_BD)
    assert np.bincount(labels).tolist() == [sum(tags.count(tag) for tags in phase.examples["tags"][:]) for tag in "ABC"]
    assert len(vectors) == len(labels)


def test_tokens_inside_and_as_many_outside_of_an_answer(build):
    _, batch, hidden_BLD, texts_BD = batch_of(build, "span_qa")
    vectors, labels = labelled(batch, hidden_BLD, texts_BD)
    has_B = batch["start_positions"] > 0
    inside = int((batch["end_positions"] - batch["start_positions"] + 1)[has_B].sum())
    assert labels.sum() == inside and len(labels) == 2 * inside
    assert len(vectors.unique(dim=0)) == len(vectors), "no token twice"


def test_pairs_have_no_labels(build):
    _, batch, hidden_BLD, texts_BD = batch_of(build, "retrieval")
    vectors, labels = labelled(batch, hidden_BLD, texts_BD)
    assert vectors.shape == (0, 3) and labels.shape == (0,)
