import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import tagging
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.tagging import FORMAT

TASK = Task(name="ner", format="tagging", labels=["O", "B-PER", "I-PER"])
WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SENTENCE = st.lists(st.tuples(WORD, st.sampled_from(TASK.labels)), min_size=1, max_size=12)
SENTENCES = st.lists(SENTENCE.map(lambda pairs: tuple(map(list, zip(*pairs, strict=True)))), min_size=1, max_size=4)


def examples(*rows):
    return Dataset.from_list(
        [{"id": str(n), "language": "en", "words": words, "tags": tags} for n, (words, tags) in enumerate(rows)],
        features=FORMAT.features,
    )


def features(rows, tokenizer, max_length=32, training=False):
    return tagging.featurize(rows, tokenizer, TASK, Limits(max_length=max_length), training)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(sentences=SENTENCES, max_length=st.integers(3, 20))
def test_every_word_has_one_position_and_pieces_join_to_the_sentence(tokenizer, sentences, max_length):
    rows = examples(*sentences)
    table = features(rows, tokenizer, max_length)
    joined = {n: [] for n in range(len(rows))}
    for piece in table:
        words = rows[piece["example"]]["words"]
        assert piece["first_word"] == len(joined[piece["example"]])
        assert piece["length"] == len(piece["input_ids"]) <= max_length
        assert piece["input_ids"][0] == 0 and piece["input_ids"][-1] == 2
        assert len(piece["labels"]) == len(piece["word_positions"]) >= 1
        ends = [*piece["word_positions"][1:], len(piece["input_ids"]) - 1]
        assert piece["word_positions"][0] == 1
        for number, (start, end) in enumerate(zip(piece["word_positions"], ends, strict=True)):
            tokens = tokenizer(words[piece["first_word"] + number], add_special_tokens=False)["input_ids"] or [
                tokenizer.unk_token_id
            ]
            assert piece["input_ids"][start:end] == tokens[: max_length - 2]
        joined[piece["example"]] += [TASK.labels[label] for label in piece["labels"]]
    assert [joined[n] for n in range(len(rows))] == [tags for _, tags in sentences]
    outputs = [{"tags": np.array(labels), "probability": np.array(labels) / 2} for labels in table["labels"]]
    assert tagging.decode(rows, table, outputs, TASK, Limits()) == [tags for _, tags in sentences]
    halves = [[TASK.labels.index(tag) / 2 for tag in tags] for _, tags in sentences]
    assert tagging.confidence(rows, table, outputs, TASK, Limits()) == halves


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(1, 6), max_size=20), max_size=4), st.integers(6, 12))
def test_pieces_are_as_long_as_they_can_be(sentences, room):
    expected = []
    for number, lengths in enumerate(sentences):
        start = sum(map(len, sentences[:number]))
        filled = 0
        for word, length in enumerate(lengths, start=start):
            if filled + length > room:
                expected.append((start, word))
                start, filled = word, 0
            filled += length
        expected += [(start, word + 1)] if lengths else []
    words = np.array([length for lengths in sentences for length in lengths], dtype=np.int64)
    counts = np.array([len(lengths) for lengths in sentences], dtype=np.int64)
    starts, ends = tagging.pieces(words, counts, room)
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == expected


@pytest.mark.parametrize("word", ["", " ", "\u200b", "\u3000"])
def test_word_without_tokens_is_unknown(tokenizer, word):
    row = features(examples(([word, "a"], ["O", "B-PER"])), tokenizer)[0]
    assert row["input_ids"] == [0, tokenizer.unk_token_id, *tokenizer("a", add_special_tokens=False)["input_ids"], 2]
    assert (row["word_positions"], row["labels"]) == ([1, 2], [0, 1])


def test_word_longer_than_the_window_keeps_its_first_tokens(tokenizer):
    word = "antidisestablishmentarianism"
    table = features(examples((["a", word, "b"], ["O", "B-PER", "O"])), tokenizer, max_length=6)
    tokens = tokenizer(word, add_special_tokens=False)["input_ids"]
    assert len(tokens) > 4
    assert table["input_ids"][1] == [0, *tokens[:4], 2]
    assert table["first_word"][:] == [0, 1, 2]


def test_without_gold(tokenizer):
    rows = examples((["a", "b"], None), (["c"], ["O"]))
    assert features(rows, tokenizer)["labels"][:] == [[-100, -100], [0]]
    assert features(rows, tokenizer, training=True)["example"][:] == [1]


def test_collate(tokenizer, special):
    table = features(examples((["unbelievable", "x"], ["B-PER", "O"]), (["c"], None)), tokenizer)
    batch = tagging.collate(table.to_list(), special)
    assert batch["labels"].shape == batch["input_ids"].shape == (2, table["length"][0])
    first, second = table["word_positions"][0]
    assert second - first > 1
    expected = [[-100] * table["length"][0] for _ in range(2)]
    expected[0][first], expected[0][second] = 1, 0
    assert batch["labels"].tolist() == expected
    assert batch["word_positions"] == [[first, second], [1]]


def test_wrong_number_of_tags(tokenizer):
    rows = examples((["a", "b"], None))
    with pytest.raises(ValueError, match="^1 tag for a piece of example 0, expected 2"):
        tagging.decode(rows, features(rows, tokenizer), [{"tags": np.array([0])}], TASK, Limits())


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=2 is too short for 2 special tokens and 1 or more"):
        features(examples((["a"], None)), tokenizer, max_length=2)
