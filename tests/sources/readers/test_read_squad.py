"""SQuAD's JSON and its kin."""

import json
import re
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.sources.readers import squad
from xstilts.tasks.declaration import Source


def _rows(path: Path) -> list[dict]:
    return [row.fields for row in squad.read({"data": path}, Source(reader="squad"), "test", "en")]


def _write(write, *questions: dict) -> Path:
    return write(
        "a.json", json.dumps({"data": [{"paragraphs": [{"context": "one two", "qas": list(questions)}]}], "version": 1.0})
    )


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ({"answers": [{"text": "two", "answer_start": 4}]}, [{"text": "two", "start": 4}]),
        (
            {"answers": {"text": ["two", "one"], "answer_start": [4, 0]}},
            [{"text": "two", "start": 4}, {"text": "one", "start": 0}],
        ),
        ({"answers": {"text": [], "answer_start": []}}, []),
        ({"answers": [{"text": "two", "answer_start": None}]}, [{"text": "two", "start": None}]),
        ({"answers": [{"text": "", "answer_start": 0}]}, None),  # blanked by XTREME: no gold
        ({}, None),
        ({"answers": []}, []),
        ({"answers": [], "is_impossible": True, "plausible_answers": [{"text": "one", "answer_start": 0}]}, []),
        ({"answers": [{"text": "one", "answer_start": 0}], "is_impossible": False}, [{"text": "one", "start": 0}]),
    ],
)
def test_gold_no_gold_and_unanswerable(write, question, answers):
    expected = {"id": "q", "question": "?", "context": "one two", "answers": answers}
    assert _rows(_write(write, {"id": "q", "question": "?", **question})) == [expected]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"rows": []}, "not of SQuAD's form (key 'data' is missing)"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "not of SQuAD's form (key 'context' is missing)"),
        ({"data": [{"paragraphs": [{"context": "x", "qas": [{"id": "q"}]}]}]}, "not of SQuAD's form (key 'question' is missing)"),
        (
            {"data": [{"paragraphs": [{"context": "x", "qas": [{"id": "q", "question": None}]}]}]},
            "not of SQuAD's form (question 'q': question is None, expected a text)",
        ),
        (
            {"data": [{"paragraphs": [{"context": 7, "qas": [{"id": "q", "question": "?"}]}]}]},
            "not of SQuAD's form (question 'q': context is 7, expected a text)",
        ),
        ({"data": 3}, "not of SQuAD's form ('int' object is not iterable)"),
    ],
)
def test_another_form(write, document, message):
    path = write("a.json", json.dumps(document))
    with pytest.raises(UserError, match=re.escape(f"{path}: {message}")):
        _rows(path)


def test_an_answer_without_start(write):
    with pytest.raises(UserError, match=r"question 'q': got the answers \[{'text': 'one'}\], expected a list of"):
        _rows(_write(write, {"id": "q", "question": "?", "answers": [{"text": "one"}]}))


def test_an_is_impossible_that_is_no_boolean(write):
    with pytest.raises(UserError, match="question 'q': is_impossible is 'false', expected true or false"):
        _rows(_write(write, {"id": "q", "question": "?", "answers": [], "is_impossible": "false"}))


def test_xtreme_s_blanked_file_has_no_gold(shared_data):
    blanked = _rows(shared_data / "xtreme/xquad/xquad.en.blanked-by-xtreme.json")
    original = _rows(shared_data / "xtreme/xquad/xquad.en.json")
    assert len(blanked) == len(original) == 1190
    assert {row["id"]: (row["question"], row["context"]) for row in blanked} == {
        row["id"]: (row["question"], row["context"]) for row in original
    }
    assert all(row["answers"] is None for row in blanked)
    assert all(len(row["answers"]) == 1 for row in original)


def test_squad_2_as_released(shared_data):
    rows = _rows(shared_data / "originals/hf_dummy/squad_v2/squad_v2/dev-v2.0.json")
    assert rows
    assert all(len(row["answers"]) >= 3 for row in rows)
