from dataclasses import replace

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import mlm
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.mlm import FORMAT

TASK = Task(name="mlm", format="mlm")
SPECIAL = SpecialTokens(pad_id=1, mask_id=99, vocab_size=100, special_ids=(0, 1, 2, 3, 99), mlm_probability=0.15)
ROWS = st.lists(
    st.builds(
        lambda content, seed, example: {"example": example, "input_ids": [0, *content, 2], "mask_seed": seed},
        st.lists(st.integers(3, 98), max_size=30),
        st.integers(0, 2**63 - 1),
        st.integers(0, 1000),
    ),
    min_size=1,
    max_size=5,
)


def examples(*texts):
    """Lines, or pairs of a line and its translation."""
    rows = [{"id": str(n), "language": "en", "text": text[0], "translation": text[1]} for n, text in enumerate(map(both, texts))]
    return Dataset.from_list(rows, features=FORMAT.features)


def both(text):
    return (text, None) if isinstance(text, str) else text


def test_features(tokenizer):
    rows = examples("One line.", "word " * 50)
    table = mlm.featurize(rows, tokenizer, TASK, Limits(max_length=10), training=True)
    assert table["input_ids"][0] == tokenizer("One line.")["input_ids"]
    assert table["input_ids"][1] == tokenizer("word " * 50, truncation=True, max_length=10)["input_ids"]
    assert table["length"][1] == 10


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=2 is too short"):
        mlm.featurize(examples("a"), tokenizer, TASK, Limits(max_length=2), training=True)


@settings(deadline=None)
@given(ROWS)
def test_masking(rows):
    batch = mlm.collate(rows, SPECIAL)
    for row, ids, labels, mask in zip(
        rows, *(batch[name].tolist() for name in ("input_ids", "labels", "attention_mask")), strict=True
    ):
        original = row["input_ids"] + [SPECIAL.pad_id] * (len(ids) - len(row["input_ids"]))
        assert mask == [1] * len(row["input_ids"]) + [0] * (len(ids) - len(row["input_ids"]))
        for before, after, label in zip(original, ids, labels, strict=True):
            if label == -100:
                assert after == before
            else:
                assert label == before and before not in SPECIAL.special_ids
                assert after == SPECIAL.mask_id or after not in SPECIAL.special_ids
        content = [id for id in row["input_ids"] if id not in SPECIAL.special_ids]
        assert any(label != -100 for label in labels) == bool(content)


@settings(deadline=None)
@given(ROWS)
def test_a_row_is_masked_alike_in_any_company(rows):
    together = mlm.collate(rows, SPECIAL)
    for number, row in enumerate(rows):
        alone = mlm.collate([row], SPECIAL)
        length = len(row["input_ids"])
        for name in ("input_ids", "labels"):
            assert together[name][number, :length].tolist() == alone[name][0].tolist()


def test_the_seed_decides_and_the_row_stays_as_it_was():
    row = {"example": 7, "input_ids": [0, *range(4, 90), 2]}
    drawn = {seed: mlm.collate([{**row, "mask_seed": seed}], SPECIAL)["input_ids"].tolist() for seed in (1, 2)}
    assert drawn[1] != drawn[2]
    assert drawn[1] == mlm.collate([{**row, "mask_seed": 1}], SPECIAL)["input_ids"].tolist()
    assert mlm.collate([row], SPECIAL)["labels"].tolist() == mlm.collate([{**row, "mask_seed": 7}], SPECIAL)["labels"].tolist()
    assert row["input_ids"] == [0, *range(4, 90), 2]


def test_shares():
    original = np.full(200_000, 50)
    ids, labels = mlm.masked(original, seed=0, special=SPECIAL)
    chosen = ids[labels != -100]
    assert len(chosen) / len(original) == pytest.approx(0.15, abs=0.003)
    assert (chosen == SPECIAL.mask_id).mean() == pytest.approx(0.8, abs=0.01)
    assert (chosen == 50).mean() == pytest.approx(0.1 + 0.1 / 95, abs=0.01)
    random = chosen[(chosen != SPECIAL.mask_id) & (chosen != 50)]
    assert set(random.tolist()) == set(range(4, 99)) - {50}


def test_all_are_chosen_with_probability_one():
    _, labels = mlm.masked(np.arange(100), seed=3, special=replace(SPECIAL, mlm_probability=1.0))
    assert labels.tolist() == [-100] * 4 + list(range(4, 99)) + [-100]


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**63 - 1))
def test_any_loader_seed_is_accepted(seed):
    assert mlm.masked(np.array([0, 5, 2]), seed, SPECIAL)[1].tolist() == [-100, 5, -100]


def test_a_pair_is_what_the_tokenizer_gives_and_a_line_stays_as_it_was(tokenizer):
    rows = examples("One line.", ("One line.", "Une ligne."), ("word " * 50, "mot"), "word " * 50)
    table = mlm.featurize(rows, tokenizer, TASK, Limits(max_length=20), training=True)
    assert table["input_ids"][0] == tokenizer("One line.")["input_ids"]
    assert table["input_ids"][1] == tokenizer("One line.", "Une ligne.")["input_ids"]
    assert table["input_ids"][2] == tokenizer("word " * 50, "mot", truncation="longest_first", max_length=20)["input_ids"]
    assert table["length"] == [len(ids) for ids in table["input_ids"]] and max(table["length"]) == 20
    opens = [ids.index(tokenizer.sep_token_id) + 1 for ids in table["input_ids"]]
    assert table["second"] == [0, opens[1], opens[2], 0]


def test_too_short_for_a_pair_only(tokenizer):
    mlm.featurize(examples("a"), tokenizer, TASK, Limits(max_length=5), training=True)
    with pytest.raises(UserError, match="^max_length=5 is too short"):
        mlm.featurize(examples("a", ("a", "b")), tokenizer, TASK, Limits(max_length=5), training=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=5))
def test_positions_start_anew_with_the_second_sentence(lengths):
    """`lengths`: tokens of both sentences; 0 of the second: a line alone."""
    rows = []
    for number, (first, other) in enumerate(lengths):
        ids = [0, *[7] * first, 2, *([2, *[8] * other, 2] if other else [])]
        rows.append({"example": number, "input_ids": ids, "second": first + 2 if other else 0})
    batch = mlm.collate(rows, SPECIAL)
    if not any(other for _, other in lengths):
        assert set(batch) == {"input_ids", "attention_mask", "labels"}
        return
    for positions, (first, other) in zip(batch["position_ids"].tolist(), lengths, strict=True):
        if other:
            assert positions[: first + other + 4] == [*range(first + 2), *range(other + 2)]
        else:
            assert positions == list(range(len(positions)))
        assert min(positions) == 0 and max(positions) < len(positions)
    alone = [mlm.collate([{name: row[name] for name in ("example", "input_ids")}], SPECIAL) for row in rows]
    for number, (row, single) in enumerate(zip(rows, alone, strict=True)):
        for name in ("input_ids", "labels"):
            assert batch[name][number, : len(row["input_ids"])].tolist() == single[name][0].tolist(), "masked as ever"


def test_decode(tokenizer):
    rows = examples("a", "b")
    table = mlm.featurize(rows, tokenizer, TASK, Limits(), training=False).select([1, 0])
    outputs = [{"nll": np.array([n], dtype=np.float32), "count": np.array([n], dtype=np.float32)} for n in (2, 1)]
    predictions = mlm.decode(rows, table, outputs, TASK, Limits())
    assert predictions == [(1.0, 1), (2.0, 2)]
    assert [type(part) for part in predictions[0]] == [float, int]
