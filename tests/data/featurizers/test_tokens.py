import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers.padding import inputs, padded
from xstilts.data.featurizers.tokens import Template, longest_first, template, token_ids
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits

GOLDEN = "tests/golden/tokens_multilingual16k.json"


def golden(repository):
    return json.loads((repository / GOLDEN).read_text(encoding="utf-8"))


def test_golden_languages(repository):
    assert [row["language"] for row in golden(repository)] == ["en", "de", "ar", "hi", "sw", "th", "zh"]


@pytest.mark.parametrize("number", range(7))
def test_golden_ids_and_offsets(repository, tokenizer, number):
    row = golden(repository)[number]
    encoded = tokenizer(row["text"], return_offsets_mapping=True)
    assert encoded["input_ids"] == row["ids"]
    assert [list(span) for span in encoded["offset_mapping"]] == row["offsets"]
    assert template(tokenizer).single(token_ids(tokenizer, [row["text"]])[0]) == row["ids"]


def test_template(tokenizer, wordpiece):
    assert template(tokenizer) == Template(before=[0], between=[2, 2], after=[2])
    assert template(wordpiece) == Template(before=[2], between=[3], after=[3])


@settings(deadline=None, max_examples=50)
@given(first=st.text(max_size=30), second=st.text(max_size=30))
def test_same_ids_as_the_tokenizer_alone(tokenizer, wordpiece, first, second):
    for one in (tokenizer, wordpiece):
        a, b = token_ids(one, [first, second])
        assert template(one).single(a) == one(first)["input_ids"]
        assert template(one).pair(a, b) == one([first], [second])["input_ids"][0]  # as a batch: `second` alone may not be empty


def test_no_texts(tokenizer):
    assert token_ids(tokenizer, []) == []


@settings(deadline=None)
@given(first=st.integers(0, 40), second=st.integers(0, 40), room=st.integers(2, 60))
def test_longest_first(first, second, room):
    keep_first, keep_second = longest_first(first, second, room)
    assert keep_first <= first and keep_second <= second
    assert keep_first + keep_second == min(room, first + second)
    if keep_first < first and keep_second < second:
        assert abs(keep_first - keep_second) <= 1
    elif keep_first < first:
        assert keep_first >= keep_second
    elif keep_second < second:
        assert keep_second >= keep_first


@settings(deadline=None, max_examples=50)
@given(first=st.integers(1, 30), second=st.integers(1, 30), max_length=st.integers(6, 50))
def test_longest_first_as_the_tokenizer_does(tokenizer, first, second, max_length):
    a, b = token_ids(tokenizer, ["die " * first, "und " * second])
    keep_a, keep_b = longest_first(len(a), len(b), max_length - 4)
    expected = tokenizer("die " * first, "und " * second, truncation="longest_first", max_length=max_length)["input_ids"]
    assert template(tokenizer).pair(a[:keep_a], b[:keep_b]) == expected


def test_too_little_room(tokenizer):
    assert template(tokenizer).room(Limits(max_length=6), pair=True, least=2) == 2
    with pytest.raises(UserError, match=r"^max_length=5 is too short for 4 special tokens and 2 or more .*set max_length to 6"):
        template(tokenizer).room(Limits(max_length=5), pair=True, least=2)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 99), max_size=9), min_size=1, max_size=5))
def test_padding_is_never_attended(special, rows):
    batch = inputs(rows, special)  # ids may equal the padding id: only lengths count
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(rows), max(map(len, rows)))
    for row, ids, mask in zip(rows, batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True):
        assert ids == row + [special.pad_id] * (len(ids) - len(row))
        assert mask == [1] * len(row) + [0] * (len(ids) - len(row))
    assert padded(rows, -100).sum() == sum(map(sum, rows)) - 100 * int((batch["attention_mask"] == 0).sum())
