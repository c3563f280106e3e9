import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import multiple_choice
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.multiple_choice import FORMAT

TASK = Task(name="copa", format="multiple_choice")


def examples(*rows):
    return Dataset.from_list(
        [
            {"id": str(n), "language": "en", "prompt": prompt, "context": None, "choices": choices, "label": label}
            for n, (prompt, choices, label) in enumerate(rows)
        ],
        features=FORMAT.features,
    )


def features(rows, tokenizer, max_length=32, training=False):
    return multiple_choice.featurize(rows, tokenizer, TASK, Limits(max_length=max_length), training)


@settings(deadline=None, max_examples=40)
@given(prompt=st.text(max_size=80), choices=st.lists(st.text(max_size=10), min_size=2, max_size=5))
def test_the_prompt_is_cut(tokenizer, prompt, choices):
    row = features(examples((prompt, choices, 1)), tokenizer)[0]
    ids = [tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in choices]
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    assert row["input_ids"] == [[0, *prompt_ids[: 28 - len(choice)], 2, 2, *choice, 2] for choice in ids]
    assert row["length"] == len(choices) * max(map(len, row["input_ids"])) <= len(choices) * 32
    assert row["label"] == 1


def test_choice_longer_than_the_window(tokenizer):
    row = features(examples(("word " * 3, ["word " * 50, "word"], None)), tokenizer, max_length=14)[0]
    word = tokenizer("word", add_special_tokens=False)["input_ids"]
    prompt, long = word * 3, word * 50
    keep = min(len(prompt), 5)
    assert row["input_ids"][0] == [0, *prompt[:keep], 2, 2, *long[: 10 - keep], 2]
    assert row["label"] == -100


def test_training_leaves_out_examples_without_gold(tokenizer):
    table = features(examples(("a", ["b", "c", "d"], None), ("e", ["f", "g"], 0)), tokenizer, training=True)
    assert table["example"][:] == [1]
    assert table["input_ids"][0] == [tokenizer("e", choice)["input_ids"] for choice in ("f", "g")]


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=5 is too short"):
        features(examples(("a", ["b", "c"], None)), tokenizer, max_length=5)


def test_collate_flattens_the_choices(tokenizer, special):
    table = features(examples(("a", ["b", "c c c"], 1), ("d", ["e", "f", "g"], None)), tokenizer)
    batch = multiple_choice.collate(table.to_list(), special)
    assert batch["input_ids"].shape == (5, max(len(ids) for row in table["input_ids"] for ids in row))
    assert batch["choice_counts"].tolist() == [2, 3]
    assert batch["labels"].tolist() == [1, -100]
    rows = [ids for row in table["input_ids"] for ids in row]
    assert [ids[: len(row)] for row, ids in zip(rows, batch["input_ids"].tolist(), strict=True)] == rows


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(2, 5).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, k - 1))), min_size=1, max_size=6))
def test_perfect_outputs_give_the_gold(tokenizer, shapes):
    rows = examples(*[("a", ["b"] * k, label) for k, label in shapes])
    table = features(rows, tokenizer)
    outputs = [{"logits": np.eye(k, dtype=np.float32)[label]} for k, label in shapes]
    assert multiple_choice.decode(rows, table, outputs, TASK, Limits()) == [label for _, label in shapes]
    sure = multiple_choice.confidence(rows, table, outputs, TASK, Limits())
    assert [(len(own), int(np.argmax(own))) for own in sure] == shapes
