import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import classification, featurizer
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.classification import FORMAT

TASK = Task(name="nli", format="classification", labels=["entailment", "neutral", "contradiction"])


def examples(*rows):
    return Dataset.from_list(
        [
            {"id": str(n), "language": "en", "text_a": a, "text_b": b, "label": label, "genre": None}
            for n, (a, b, label) in enumerate(rows)
        ],
        features=FORMAT.features,
    )


def features(rows, tokenizer, max_length=32, training=False):
    return classification.featurize(rows, tokenizer, TASK, Limits(max_length=max_length), training)


def test_module_is_found():
    assert featurizer("classification") is classification


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(first=st.text(max_size=60), second=st.none() | st.text(max_size=60), max_length=st.integers(6, 40))
def test_ids_are_those_of_the_tokenizer(tokenizer, first, second, max_length):
    row = features(examples((first, second, "neutral")), tokenizer, max_length)[0]
    seconds = None if second is None else [second]
    expected = tokenizer([first], seconds, truncation="longest_first", max_length=max_length)["input_ids"][0]
    assert row == {"example": 0, "length": len(expected), "input_ids": expected, "second_segment": 0, "label": 1}
    assert row["length"] <= max_length


def test_singles_and_pairs_in_one_table(tokenizer):
    table = features(examples(("One", None, None), ("One", "two", "entailment"), ("One", "", "neutral")), tokenizer)
    one, two = tokenizer("One")["input_ids"], tokenizer("two")["input_ids"]
    assert table["input_ids"][:] == [one, [*one, 2, *two[1:]], [*one, 2, 2]]
    assert table["label"][:] == [-100, 0, 1]


def test_no_examples(tokenizer):
    rows = examples(("a", "b", None)).select([])
    table = features(rows, tokenizer)
    assert (len(table), table.features) == (0, classification.FEATURES)
    assert classification.decode(rows, table, [], TASK, Limits()) == []


def test_training_leaves_out_examples_without_gold(tokenizer):
    table = features(examples(("a", "b", None), ("c", "d", "neutral")), tokenizer, training=True)
    assert (table["example"][:], table["label"][:]) == ([1], [1])
    assert len(features(examples(("a", "b", None)), tokenizer, training=True)) == 0


def test_more_examples_than_a_chunk(tokenizer, monkeypatch):
    rows = examples(*[(f"number {n}", None, "neutral") for n in range(10)])
    whole = features(rows, tokenizer).to_dict()
    monkeypatch.setattr("xstilts.data.featurizers.tables.CHUNK", 3)
    assert features(rows, tokenizer).to_dict() == whole
    assert whole["example"] == list(range(10))


def test_features_do_not_come_from_a_cache(tokenizer):
    rows = examples(("one two three four five six seven", "eight", "neutral"))
    long, short = features(rows, tokenizer, 32), features(rows, tokenizer, 8)
    assert long.cache_files == short.cache_files == []
    assert long["length"][0] > short["length"][0] == 8


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=5 is too short for 4 special tokens"):
        features(examples(("a", "b", None)), tokenizer, max_length=5)


def test_collate(tokenizer, special):
    table = features(examples(("One", None, None), ("One two three", "four", "contradiction")), tokenizer)
    batch = classification.collate(table.to_list(), special)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, table["length"][1])
    assert batch["labels"].tolist() == [-100, 2]
    assert all(str(tensor.dtype) == "torch.int64" for tensor in batch.values())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(TASK.labels), min_size=1, max_size=6), st.randoms())
def test_perfect_outputs_give_the_gold(tokenizer, gold, random):
    rows = examples(*[("a", "b", label) for label in gold])
    table = features(rows, tokenizer)
    order = random.sample(range(len(table)), len(table))  # features in any order
    outputs = [{"logits": np.eye(3, dtype=np.float32)[table["label"][n]]} for n in order]
    assert classification.decode(rows, table.select(order), outputs, TASK, Limits()) == gold
    sure = classification.confidence(rows, table.select(order), outputs, TASK, Limits())
    assert [(max(own, key=own.__getitem__), sorted(own.values())) for own in sure] == [
        (one, [0.212, 0.212, 0.576]) for one in gold
    ]


def test_the_most_probable_labels_keep_their_probabilities(tokenizer):
    task = Task(name="topics", format="classification", labels=[f"topic {n}" for n in range(40)])
    table = features(examples(("a", None, None)), tokenizer)
    (sure,) = classification.confidence(examples(("a", None, None)), table, [{"logits": np.arange(40.0)}], task, Limits())
    assert list(sure) == [f"topic {n}" for n in range(39, 29, -1)] and sure["topic 39"] == 0.632
