"""Mewsli-X's three kinds of lines, plain and in an archive, and the pool of candidates that all languages share."""

import io
import json
import re
import tarfile

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

TEXT = "First one. The verdict  on {Smith} came back for Smith, who left. Last one."
SPANS = [{"start": 0, "end": 10}, {"start": 11, "end": 65}, {"start": 66, "end": 75}]
START = TEXT.index("for Smith") + 4


def _mention(example: str, entity: str, start: int = START, text: str = "Smith") -> dict:
    span = {"start": start, "end": start + len(text), "text": text}
    return {"example_id": example, "mention_span": span, "entity_id": entity}


def _entity(name: str, description: str = "A lawyer.\nOf  Ohio.") -> dict:
    return {
        "entity_id": name,
        "title": "Smith",
        "description": description,
        "description_language": "en",
        "description_url": "https://example.org",
        "sentence_spans": [{"start": 0, "end": 9}, {"start": 10, "end": len(description)}],
    }


CONTEXT = {"document_title": "", "document_url": "", "document_id": "d", "language": "en", "text": TEXT, "sentence_spans": SPANS}


def _lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def task() -> Task:
    source = Source(
        reader="mewslix",
        files={"train": {"en": "pairs.jsonl|pairs.jsonl.tar.gz"}, "test": "test-{language}.jsonl & entities.jsonl"},
        gold={"test": "labels-{language}.json"},
    )
    return Task(name="toy", format="retrieval", protocol="answer_retrieval", languages=["en", "ar"], sources={"xtreme": source})


def _write_tests(write, entity: str) -> None:
    for language in ("en", "ar"):
        write(f"test-{language}.jsonl", _lines({"context": CONTEXT, "mentions": [_mention("7", entity), _mention("8", entity)]}))
    write("entities.jsonl", _lines(_entity("Q1"), _entity("Q2")))


def test_a_query_is_the_mention_and_its_sentence(task, tmp_path, write):
    pair = {"contextual_mention": {"context": CONTEXT, "mention": _mention("7", "Q1")}, "entity": _entity("Q1")}
    again = {"contextual_mention": {"context": CONTEXT, "mention": _mention("8", "Q1")}, "entity": _entity("Q1")}
    write("pairs.jsonl", _lines(pair, again))
    rows = load(source_of(task, DataConfig(root=str(tmp_path))), "train", ["en"]).to_list()
    assert [(row["id"], row["side"], row["relevant"]) for row in rows] == [
        ("en/7", "query", ["Q1"]),
        ("Q1", "candidate", None),
        ("en/8", "query", ["Q1"]),
    ]
    assert rows[0]["text"] == "Smith: The verdict on (Smith) came back for { Smith } , who left."
    assert rows[1]["text"] == "A lawyer. Of Ohio."


def test_candidates_are_there_once_for_all_languages(task, tmp_path, write):
    _write_tests(write, "Q2")
    rows = load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["ar", "en"]).to_list()
    assert [row["id"] for row in rows] == ["ar/7", "ar/8", "Q1", "Q2", "en/7", "en/8"]
    assert all(row["relevant"] == ["Q2"] for row in rows if row["side"] == "query")
    few = load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"], max_examples=1)
    assert few["id"][:] == ["en/7", "Q1", "Q2"]


def test_withheld_entities_are_no_gold_unless_a_file_of_labels_has_them(task, tmp_path, write):
    _write_tests(write, "")
    data = DataConfig(root=str(tmp_path))
    assert load(source_of(task, data), "test", ["en"])["relevant"][:] == [None] * 4
    write("labels-en.json", json.dumps({"7": ["Q1"], "8": ["Q2"]}))
    assert load(source_of(task, data), "test", ["en"])["relevant"][:2] == [["Q1"], ["Q2"]]


def test_an_archive_of_one_file_is_read_as_that_file(task, tmp_path):
    pair = {"contextual_mention": {"context": CONTEXT, "mention": _mention("7", "Q1")}, "entity": _entity("Q1")}
    content = _lines(pair).encode()

    def archive(names: list[str]) -> None:
        with tarfile.open(tmp_path / "pairs.jsonl.tar.gz", "w:gz") as file:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))

    data = DataConfig(root=str(tmp_path))
    archive(["train.jsonl"])
    assert load(source_of(task, data), "train", ["en"])["id"][:] == ["en/7", "Q1"]
    archive(["train.jsonl", "dev.jsonl"])
    with pytest.raises(UserError, match=r"pairs\.jsonl\.tar\.gz: 2 files in the archive, expected one"):
        load(source_of(task, data), "train", ["en"])
    (tmp_path / "pairs.jsonl.tar.gz").write_bytes((tmp_path / "pairs.jsonl.tar.gz").read_bytes()[:80])
    with pytest.raises(UserError, match="broken gzip file after line 0"):
        load(source_of(task, data), "train", ["en"])


@pytest.mark.parametrize(
    ("mention", "told"),
    [
        (_mention("7", "Q1", 0, "First one. The"), "mention 'First one. The' lies in no sentence of its text"),
        (_mention("7", "Q1", 0, "Smith"), "mention 'Smith' is not at 0 of its text, 'First' is"),
        ({"example_id": "7"}, "not of Mewsli-X's form (KeyError: 'entity_id')"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(task, tmp_path, write, mention, told):
    write("test-en.jsonl", _lines({"context": CONTEXT, "mentions": [mention]}))
    write("entities.jsonl", _lines(_entity("Q1")))
    with pytest.raises(UserError, match=r"test-en\.jsonl:1: " + re.escape(told)):
        load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"])
    write("test-en.jsonl", _lines({"context": CONTEXT, "mentions": [_mention("7", "Q1")]}))
    write("entities.jsonl", _lines({"entity_id": "Q1"}))
    with pytest.raises(UserError, match=r"entities\.jsonl:1: not an entity of Mewsli-X \(KeyError: 'description'\)"):
        load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"])
