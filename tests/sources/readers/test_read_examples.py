"""Users' own files in the schema of a format."""

import json
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

EXAMPLES: dict[str, dict[str, Any]] = {
    "classification": {"id": "a", "text_a": "A", "text_b": "B", "label": "yes", "genre": "news"},
    "span_qa": {"id": "a", "question": "Q?", "context": "In Rome.", "answers": [{"text": "Rome", "start": 3}]},
    "multiple_choice": {"id": "a", "prompt": "P", "context": "C", "choices": ["x", "y"], "label": 1},
    "tagging": {"id": "a", "words": ["A", "b"], "tags": ["yes", "no"]},
    "retrieval": {"id": "a", "side": "query", "text": "T", "context": None, "relevant": []},
    "mlm": {"id": "a", "text": "T", "translation": "Ü"},
}


def read(folder: Path, format: str, *examples: dict[str, Any]) -> list[dict[str, Any]]:
    (folder / "en.jsonl").write_text("\n".join(map(json.dumps, examples)), encoding="utf-8")
    source = Source(files={"validation": "{language}.jsonl"})
    task = Task(name="mine", format=format, labels=["no", "yes"], sources={"xtreme": source})
    return list(load(source_of(task, DataConfig(root=str(folder))), "validation", ["en"]))


@pytest.mark.parametrize("format", EXAMPLES)
def test_an_example_comes_back_as_it_is(format: str, tmp_path: Path):
    assert read(tmp_path, format, EXAMPLES[format]) == [{**EXAMPLES[format], "language": "en"}]


def test_what_may_be_null_may_be_absent(tmp_path: Path):
    assert read(tmp_path, "mlm", {"id": "1", "text": "T"})[0]["translation"] is None
    assert read(tmp_path, "span_qa", {"id": "1", "question": "Q?", "context": "C."})[0]["answers"] is None


@pytest.mark.parametrize("answers", ["Rome", ["Rome"], [{"text": "Rome"}], [{"text": "Rome", "start": "third"}]])
def test_answers_of_another_form_are_told(answers: Any, tmp_path: Path):
    with pytest.raises(UserError, match=r"en\.jsonl:1: got (the answers .*, expected a list of|answer_start 'third')"):
        read(tmp_path, "span_qa", {**EXAMPLES["span_qa"], "answers": answers})
