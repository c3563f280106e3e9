import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xstilts.data.featurizers.padding import inputs, padded
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.featurizers.tokens import Template, longest_first, template, token_ids
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits

TEXT = st.text(max_size=30) | st.sampled_from(["<s>", "a </s> b", "x<mask> y", "", " "])
GOLDEN = "tests/golden/tokens_multilingual16k.json"


def lists(rows):
    return rows.arrow().to_pylist()


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
    assert lists(template(tokenizer).single(token_ids(tokenizer, [row["text"]]))) == [row["ids"]]


def test_template(tokenizer, wordpiece):
    assert template(tokenizer) == Template(before=[0], between=[2, 2], after=[2])
    assert template(wordpiece) == Template(before=[2], between=[3], after=[3], first_segment=1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_same_ids_as_the_tokenizer_alone(tokenizer, wordpiece, pairs):
    firsts, seconds = (list(texts) for texts in zip(*pairs, strict=True))
    for one in (tokenizer, wordpiece):
        a, b = token_ids(one, firsts), token_ids(one, seconds)
        assert lists(template(one).single(a)) == [one(text)["input_ids"] for text in firsts]
        # As batches: a second text alone may not be empty.
        together = [one([first], [second])["input_ids"][0] for first, second in pairs]
        assert lists(template(one).pair(a, b)) == together
        paired = np.arange(len(pairs)) % 2 == 0
        mixed = [together[n] if paired[n] else one(first)["input_ids"] for n, first in enumerate(firsts)]
        assert lists(template(one).pair(a, b, paired)) == mixed


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_segments_are_those_of_the_tokenizer(tokenizer, wordpiece, pairs):
    paired = np.arange(len(pairs)) % 2 == 0
    for one, has_segments in ((tokenizer, False), (wordpiece, True)):
        a, b = (token_ids(one, list(texts)) for texts in zip(*pairs, strict=True))
        ids = lists(template(one).pair(a, b, paired))
        starts = template(one).second_segment(a, paired)
        for number, (first, second) in enumerate(pairs):
            alone = one([first], [second]) if paired[number] else one([first])
            expected = alone["token_type_ids"][0] if has_segments else [0] * len(ids[number])
            assert has_segments == special_tokens(one, 0.15).segments
            places = np.arange(len(ids[number]))
            assert ((places >= starts[number]) & (starts[number] > 0)).astype(int).tolist() == expected


def byte_level(**special):
    """A tokenizer of bytes, without an unknown token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({letter: number for number, letter in enumerate([*alphabet, "<pad>", "<end>"])}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.post_processor = processors.TemplateProcessing(
        single="$A <end>", pair="$A <end> $B <end>", special_tokens=[("<end>", 257)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<end>", **special)


def test_a_tokenizer_needs_no_unknown_token():
    without = byte_level()
    assert without.unk_token is None
    assert template(without) == Template(before=[], between=[257], after=[257])
    assert lists(template(without).single(token_ids(without, ["Größe"]))) == [without("Größe")["input_ids"]]


def test_a_tokenizer_without_any_token_is_refused():
    empty = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE({"w": 0}, [])), pad_token="<pad>")
    with pytest.raises(UserError, match="has no unknown token and no token for 'a', '1' or '.'"):
        template(empty)


@pytest.mark.parametrize("group", [1, 7, 100_000])
def test_how_many_texts_go_through_one_call_changes_nothing(tokenizer, monkeypatch, group):
    texts = [
        "",
        "a",
        "Ein Satz, und noch einer.",
        " ",
        "<s> x </s>",
        "x<mask> y",
        "\u200b",
        "a",
        "昨天下午" * 9,
        "e\u0301te\u0301",
    ]
    monkeypatch.setattr("xstilts.data.featurizers.tokens.GROUP", group)
    assert lists(token_ids(tokenizer, texts)) == [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def test_a_call_before_that_cut_and_padded_changes_nothing(tokenizer):
    tokenizer(["one two three four five"], truncation=True, max_length=3, padding="max_length")
    expected = tokenizer("one two three four five", add_special_tokens=False)["input_ids"]
    tokenizer(["one two three four five"], truncation=True, max_length=3, padding="max_length")
    assert lists(token_ids(tokenizer, ["one two three four five"])) == [expected]


def test_no_texts(tokenizer):
    assert len(token_ids(tokenizer, [])) == 0


@settings(deadline=None)
@given(first=st.integers(0, 40), second=st.integers(0, 40), room=st.integers(2, 60))
def test_longest_first(first, second, room):
    (keep_first,), (keep_second,) = longest_first(np.array([first]), np.array([second]), room)
    assert keep_first <= first and keep_second <= second
    assert keep_first + keep_second == min(room, first + second)
    if keep_first < first and keep_second < second:
        assert abs(keep_first - keep_second) <= 1
    elif keep_first < first:
        assert keep_first >= keep_second - (first == second)  # an odd place goes to the second of equally long texts
    elif keep_second < second:
        assert keep_second >= keep_first


@settings(deadline=None, max_examples=50)
@given(first=st.integers(1, 30), second=st.integers(1, 30), max_length=st.integers(6, 50))
def test_longest_first_as_the_tokenizer_does(tokenizer, first, second, max_length):
    a, b = token_ids(tokenizer, ["die " * first]), token_ids(tokenizer, ["und " * second])
    keep_a, keep_b = longest_first(a.lengths_R, b.lengths_R, max_length - 4)
    expected = tokenizer("die " * first, "und " * second, truncation="longest_first", max_length=max_length)["input_ids"]
    assert lists(template(tokenizer).pair(a.cut(keep_a), b.cut(keep_b))) == [expected]


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
