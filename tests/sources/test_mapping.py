"""Raw rows to examples."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources import mapping
from xstilts.sources.mapping import has_gold, pick
from xstilts.sources.raw import RawExample
from xstilts.tasks.declaration import Source
from xstilts.tasks.formats import format_named, format_names

CHOICE = format_named("multiple_choice")
CLASSES = format_named("classification")
names = st.text("abcdefg", min_size=1, max_size=4)
values = st.one_of(st.text(max_size=5), st.integers())


def examples(*given: Any, **options: Any) -> list[dict[str, Any]]:
    return mapping.examples(*given, **options)[1]


def _rows(*fields: dict) -> list[RawExample]:
    return [RawExample(f"file.jsonl:{number}", row) for number, row in enumerate(fields, start=1)]


@given(st.dictionaries(names, values, min_size=1))
def test_a_column_is_itself_by_name_or_number_and_must_be_there(fields):
    row = RawExample("file:7", fields)
    for number, name in enumerate(fields, start=1):
        assert pick(row, name) == pick(row, f"H|{name}") == pick(row, number) == fields[name]
    assert pick(row, "H", ["H"]) is pick(row, "G|H", ["H"]) is pick(row, len(fields) + 1, [str(len(fields) + 1)]) is None
    for column in ("H", "G|H", len(fields) + 1):
        with pytest.raises(UserError, match=re.escape(f"file:7: no column '{column}'; the row has {', '.join(fields)}. If")):
            pick(row, column, ["I"])


@given(st.lists(names, min_size=1, max_size=4), st.lists(values, max_size=4))
def test_paths_map_over_lists(path, items):
    nested: object = [{path[-1]: item} for item in items]
    for name in reversed(path[:-1]):
        nested = {name: nested}
    if len(path) > 1:
        assert pick(RawExample("x", nested), ".".join(path)) == items


@given(st.dictionaries(names, values, min_size=1), st.text("xyz .:", max_size=5))
def test_braces_hold_columns(fields, between):
    column = between.join(f"{{{name}}}" for name in fields)
    assert pick(RawExample("x", fields), column) == between.join(str(value) for value in fields.values())


def test_a_column_whose_name_has_a_dot():
    assert pick(RawExample("x", {"a.b": "x", "a": {"b": "y"}}), "a.b") == "x"


def test_a_missing_part_is_named_with_its_row():
    source = Source(reader="jsonl", columns={"prompt": "{a} {nope}", "choices": ["a", "b"]})
    with pytest.raises(UserError, match=r"file.jsonl:1: no column 'nope'; the row has a, b"):
        examples(_rows({"a": "x", "b": "y"}), CHOICE, source, "train", "en")
    source.columns["prompt"] = "nope"
    with pytest.raises(UserError, match=r"file.jsonl:1: no column 'nope'; the row has a, b"):
        examples(_rows({"a": "x", "b": "y"}), CHOICE, source, "train", "en")


@pytest.mark.parametrize(("raw", "label"), [("B", 1), (1, 1), ("1", 1), (None, None), ("", None)])
def test_labels_of_choices_become_numbers(raw, label):
    source = Source(reader="jsonl", columns={"prompt": "p", "choices": ["a", "b"]}, labels={"A": "0", "B": "1"})
    (example,) = examples(_rows({"p": "x", "a": 1, "b": "y", "label": raw}), CHOICE, source, "train", "en")
    assert example == {"id": "train-0", "language": "en", "prompt": "x", "context": None, "choices": ["1", "y"], "label": label}


def test_an_unknown_label_of_a_choice():
    source = Source(reader="jsonl", columns={"prompt": "p", "choices": ["a", "b"]}, labels={"A": "0", "B": "1"})
    with pytest.raises(UserError, match="file.jsonl:1: unknown label 'C', expected one of A, B"):
        examples(_rows({"p": "x", "a": "x", "b": "y", "label": "C"}), CHOICE, source, "train", "en")


def test_the_empty_label_is_no_gold():
    source = Source(reader="jsonl", labels={"-": ""})
    rows = _rows({"text_a": "x", "label": "-"}, {"text_a": "x", "label": "neutral"}, {"text_a": "x"})
    assert [example["label"] for example in examples(rows, CLASSES, source, "train", "en")] == [None, "neutral", None]


def test_tags_are_renamed_and_words_are_not():
    source = Source(reader="conll", labels={"a": "A"})
    (example,) = examples(_rows({"words": ["a"], "tags": ["a"]}), format_named("tagging"), source, "train", "en")
    assert (example["words"], example["tags"]) == (["a"], ["A"])


def test_placeholders_are_no_gold_but_real_labels_are():
    source = Source(reader="jsonl", columns={"prompt": "p", "choices": ["p", "p"]}, options={"no_gold": ["test"]})

    def labels(split: str, *raw: int) -> list[int | None]:
        rows = _rows(*({"p": "x", "label": label} for label in raw))
        made = examples(rows, CHOICE, source, split, "en", keep_gold=has_gold(rows, source, split, CHOICE))
        return [example["label"] for example in made]

    assert labels("test", 0, 0, 0) == [None, None, None]
    assert labels("test", 0, 1, 0) == [0, 1, 0]
    assert labels("train", 0, 0, 0) == [0, 0, 0]


def test_ids_are_the_rows_own_or_their_number():
    source = Source(reader="jsonl", columns={"id": "key"}, positional_ids=["train"])
    rows = _rows({"key": 7, "text_a": "x"}, {"key": 7, "text_a": "x"})
    assert [example["id"] for example in examples(rows, CLASSES, source, "test", "en")] == ["7", "7"]
    assert [example["id"] for example in examples(rows, CLASSES, source, "train", "en")] == ["train-0", "train-1"]


@pytest.mark.parametrize("value", ["text", [None], {"a": 1}, [["a"], ["b"]], ["a", {"b": 1}]])
def test_choices_must_be_a_list_of_texts(value):
    source = Source(reader="jsonl", columns={"prompt": "p"})
    with pytest.raises(UserError, match="file.jsonl:1: choices: got .*, expected a list of texts"):
        examples(_rows({"p": "x", "choices": value}), CHOICE, source, "train", "en")


def test_a_text_must_not_be_a_list():
    for value in (["x"], {"a": 1}, b"x", True):
        with pytest.raises(UserError, match="file.jsonl:1: text_a: got .*, expected a text or number"):
            examples(_rows({"text_a": value}), CLASSES, Source(reader="jsonl"), "train", "en")


def test_a_null_is_no_missing_column():
    source = Source(reader="jsonl", columns={"text_a": "a", "text_b": "b"})
    with pytest.raises(UserError, match=r"file.jsonl:2: the column 'a' is null, but text_a is needed"):
        examples(_rows({"a": "x", "b": "y"}, {"a": None, "b": "y"}), CLASSES, source, "train", "en")
    with pytest.raises(UserError, match=r"file.jsonl:1: no column 'text_a'; the row has x: set columns.text_a in the source"):
        examples(_rows({"x": "x"}), CLASSES, Source(reader="jsonl"), "train", "en")
    with pytest.raises(UserError, match=r"no column 'text_a'; the row has text_a;label: set options.delimiter to the character"):
        examples(_rows({"text_a;label": "x;yes"}), CLASSES, Source(reader="delimited"), "train", "en")
    source = Source(reader="jsonl", columns={"text_a": "{a} {b}"})
    with pytest.raises(UserError, match=r"file.jsonl:1: the column 'b' is null, expected a text"):
        examples(_rows({"a": "x", "b": None}), CLASSES, source, "train", "en")


@pytest.mark.parametrize(("field", "column"), [("text_b", "sentence_2"), ("label", "gold_labels"), ("id", "key")])
def test_a_column_that_is_named_must_be_there_unless_it_is_optional(field, column):
    rows = _rows({"text_a": "x", "sentence2": "y", "gold_label": "neutral"})
    source = Source(reader="jsonl", columns={field: column})
    with pytest.raises(UserError, match=rf"file.jsonl:1: no column '{column}'; .* set options.optional=\[{column}\]"):
        examples(rows, CLASSES, source, "train", "en")
    source.options = {"optional": [column]}
    (example,) = examples(rows, CLASSES, source, "train", "en")
    assert example[field] == ("train-0" if field == "id" else None)


def test_a_context_is_needed_for_a_question_and_not_for_a_candidate():
    question, candidate = format_named("span_qa"), format_named("retrieval")
    with pytest.raises(UserError, match="no column 'context'"):
        examples(_rows({"question": "?"}), question, Source(), "train", "en")
    (example,) = examples(_rows({"side": "query", "text": "x"}), candidate, Source(), "train", "en")
    assert example["context"] is None


def test_an_empty_id_is_refused():
    with pytest.raises(UserError, match="file.jsonl:1: an empty id; if rows have none"):
        examples(_rows({"id": "", "text_a": "x"}), CLASSES, Source(), "train", "en")


def test_every_format_but_mlm_has_a_gold_field():
    assert [name for name in format_names() if format_named(name).gold is None] == ["mlm"]
