"""From files to a checked dataset, on small files with everything that can be wrong."""

import json
import logging
import re

import pyarrow
import pytest
from pyarrow import parquet

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_named

LABELS = ["contradiction", "entailment", "neutral"]


@pytest.fixture
def data(tmp_path):
    return DataConfig(root=str(tmp_path))


def _pairs(**changes) -> Task:
    source = Source(
        reader="delimited",
        files={split: split + "-{language}.tsv" for split in ("train", "validation", "test")},
        options={"names": ["text_a", "text_b", "label"], "optional": ["label"]},
        labels={"-": ""},
    )
    for name, value in changes.items():
        setattr(source, name, value)
    return Task(name="toy", format="classification", languages=["en", "sw", "ar"], labels=LABELS, sources={"xtreme": source})


def _rows(*labels: str) -> str:
    return "".join(f"premise {number}\thypothesis\t{label}\n" for number, label in enumerate(labels))


def test_languages_come_in_the_order_asked_for_with_positional_ids(data, write):
    write("test-en.tsv", _rows("neutral", "entailment"))
    write("test-sw.tsv", _rows("contradiction"))
    found = load(source_of(_pairs(), data), "test", ["sw", "en"])
    assert found.features == format_named("classification").features
    assert found["language"][:] == ["sw", "en", "en"]
    assert found["id"][:] == ["test-0", "test-0", "test-1"]
    assert found["label"][:] == ["contradiction", "neutral", "entailment"]
    assert found[0]["text_a"] == "premise 0"


def test_parts_and_first_examples_are_per_language(data, write):
    write("train-en.tsv", _rows(*["neutral"] * 10))
    write("train-sw.tsv", _rows(*["neutral"] * 7))
    task = _pairs()
    assert load(source_of(task, data), "train:90%", ["en", "sw"])["id"][:] == [f"train-{i}" for i in (*range(9), *range(6))]
    assert load(source_of(task, data), "train:-10%", ["en", "sw"])["id"][:] == ["train-9", "train-6"]
    assert load(source_of(task, data), "train", ["en", "sw"], max_examples=2)["id"][:] == ["train-0", "train-1"] * 2
    assert load(source_of(task, data), "train:-50%", ["en"], max_examples=2)["id"][:] == ["train-5", "train-6"]
    with pytest.raises(UserError, match="'train:5%' of task 'toy' has no example in 'en'; take a larger part"):
        load(source_of(task, data), "train:5%", ["en"])


def test_training_examples_without_gold_are_left_out_and_counted(data, write, caplog):
    for split in ("train", "validation"):
        write(f"{split}-en.tsv", _rows("neutral", "-", "entailment", "-"))
    with caplog.at_level(logging.INFO, logger="xstilts"):
        found = load(source_of(_pairs(), data), "train", ["en"])
    assert found["id"][:] == ["train-0", "train-2"]  # ids count the rows of the file
    assert [record.getMessage() for record in caplog.records] == ["toy, train, en: left out 2 of 4 examples without gold"]
    assert load(source_of(_pairs(), data), "validation", ["en"])["label"][:] == ["neutral", None, "entailment", None]
    write("train-sw.tsv", "a\tb\n")
    with pytest.raises(UserError, match="task 'toy': no example of the train split in 'sw' has gold; nothing to train on"):
        load(source_of(_pairs(), data), "train", ["sw"])


def test_training_data_without_a_column_for_the_gold_is_refused(data, write):
    task = _pairs()
    task.sources["xtreme"].options = {"names": ["text_a", "text_b", "lable"]}
    path = write("train-en.tsv", _rows("neutral"))
    with pytest.raises(
        UserError, match=re.escape(f"{path}:1: no column 'label'; the row has text_a, text_b, lable: set columns")
    ):
        load(source_of(task, data), "train", ["en"])


def test_a_link_to_nothing_and_a_folder_are_no_missing_files(data, write):
    path = write("train-en.tsv", _rows("neutral"))
    path.unlink()
    path.symlink_to("annexed")
    with pytest.raises(UserError, match=re.escape(f"{path}: a link to annexed, which does not exist")):
        load(source_of(_pairs(), data), "train", ["en"])
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=re.escape(f"{path}: a folder, expected a file")):
        load(source_of(_pairs(), data), "train", ["en"])


def test_tests_have_two_columns_or_three(data, write):
    write("test-en.tsv", "a\tb\r\nc\td\r\n")
    write("test-sw.tsv", "a\tb\tneutral\r\nc\td\tneutral\r\n")
    assert load(source_of(_pairs(), data), "test", ["en", "sw"])["label"][:] == [None, None, "neutral", "neutral"]


def test_an_unknown_label_is_placed(data, write):
    path = write("train-en.tsv", _rows("neutral", "entails"))
    with pytest.raises(UserError, match=re.escape(f"{path}:2: unknown label 'entails', expected one of {', '.join(LABELS)}")):
        load(source_of(_pairs(), data), "train", ["en"])


def test_an_empty_text_is_placed(data, write):
    path = write("train-en.tsv", "\tb\tneutral\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:1: an empty first text")):
        load(source_of(_pairs(), data), "train", ["en"])


def test_a_language_without_data_names_those_with(data, write):
    write("test-en.tsv", _rows("neutral"))
    write("test-ar.tsv", _rows("neutral"))
    with pytest.raises(UserError, match="no test data of task 'toy' in language 'sw' under .*; languages that have it: en, ar"):
        load(source_of(_pairs(), data), "test", ["en", "sw"])
    with pytest.raises(UserError, match="no train data of task 'toy' in language 'sw': looked for .*train-sw.tsv; put the file"):
        load(source_of(_pairs(), data), "train", ["sw"])


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ([], "expected one or more languages, each once, got none"),
        (["en", "en"], "expected one or more languages, each once, got en, en"),
        (["swa"], "unknown language of task 'toy' 'swa': did you mean sw"),
    ],
)
def test_wrong_languages(data, languages, message):
    with pytest.raises(UserError, match=message):
        load(source_of(_pairs(), data), "test", languages)


def test_max_examples_below_one(data):
    with pytest.raises(UserError, match="max_examples=0: expected 1 or more"):
        load(source_of(_pairs(), data), "test", ["en"], max_examples=0)


def test_an_unknown_split_reader_and_option(data, write):
    write("test-en.tsv", _rows("neutral"))
    with pytest.raises(UserError, match="unknown split 'valid': did you mean validation"):
        load(source_of(_pairs(), data), "valid", ["en"])
    with pytest.raises(UserError, match="unknown reader 'delimeted': did you mean delimited"):
        load(source_of(_pairs(reader="delimeted"), data), "test", ["en"])
    with pytest.raises(UserError, match="unknown option of the reader delimited 'nogold': did you mean no_gold"):
        load(source_of(_pairs(options={"nogold": ["test"]}), data), "test", ["en"])


def _questions(tmp_path, **changes) -> Task:
    source = Source(reader="squad", files={"train": "{language}.json", "test": "{language}.json"}, **changes)
    return Task(name="qa", format="span_qa", languages=["en", "sw"], sources={"xtreme": source})


def _squad(*questions: tuple[str, str, int]) -> str:
    asked = [{"id": name, "question": "?", "answers": [{"text": text, "answer_start": at}]} for name, text, at in questions]
    return json.dumps({"data": [{"paragraphs": [{"context": "one two", "qas": asked}]}]})


def test_duplicate_ids_are_placed_unless_positional(data, write, tmp_path):
    path = write("en.json", _squad(("q", "one", 0), ("q", "two", 4)))
    write("sw.json", _squad(("q", "one", 0)))
    with pytest.raises(UserError, match=re.escape(f"{path}: question 'q': id 'q' was used at")) as raised:
        load(source_of(_questions(tmp_path), data), "train", ["en"])
    assert "positional_ids" in str(raised.value)
    found = load(source_of(_questions(tmp_path, positional_ids=["train"]), data), "train", ["en", "sw"])
    assert found["id"][:] == ["train-0", "train-1", "train-0"]
    with pytest.raises(UserError, match="was used at"):
        load(source_of(_questions(tmp_path, positional_ids=["train"]), data), "test", ["en"])
    assert load(source_of(_questions(tmp_path), data), "train", ["sw"])["id"][:] == ["q"]


def test_half_a_surrogate_pair_is_placed(data, write, tmp_path):
    path = write("en.json", _squad(("good", "one", 0), ("bad", "two \ud83d", 4)).replace("one two", "one two \\ud83d"))
    with pytest.raises(UserError, match=re.escape(f"{path}: question 'good': context: got half of a surrogate pair, '\\ud83d'")):
        load(source_of(_questions(tmp_path), data), "test", ["en"])
    jsonl = Source(reader="jsonl", files={"test": "{language}.jsonl"})
    task = Task(name="pairs", format="classification", labels=["a"], languages=["en"], sources={"xtreme": jsonl})
    path = write("en.jsonl", '{"text_a": "x \\ud83d\\ude00", "label": "a"}\n{"text_a": "\\udc00 x", "label": "a"}\n')
    with pytest.raises(UserError, match=re.escape(f"{path}:2: text_a: got half of a surrogate pair, '\\udc00', after ''")):
        load(source_of(task, data), "test", ["en"])


def test_a_text_of_parquet_that_is_not_utf_8_is_placed(data, tmp_path):
    path = tmp_path / "test-en.parquet"
    broken = pyarrow.array([b"one", b"caf\xe9"], pyarrow.binary()).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"text_a": broken, "label": ["neutral"] * 2}), path)
    source = Source(reader="parquet", files={"test": "test-{language}.parquet"})
    task = Task(name="toy", format="classification", languages=["en"], labels=LABELS, sources={"xtreme": source})
    with pytest.raises(
        UserError, match=re.escape(f"{path}:1: this row, or one of the 2000 after it, has a text that is not UTF-8")
    ):
        load(source_of(task, data), "test", ["en"])


def _mining() -> Task:
    files = {"test": "{language}-en.{language} & {language}-en.en", "train": "{language}-en.{language} & {language}-en.en"}
    source = Source(reader="bucc", files=files, gold={"test": "gold-{language}", "train": "gold-{language}"})
    return Task(name="mining", format="retrieval", languages=["de", "fr"], sources={"xtreme": source})


def test_retrieval_ids_are_unique_over_languages_and_the_pool_stays_whole(data, write):
    for language in ("de", "fr"):
        write(f"{language}-en.{language}", "".join(f"{language}-{i}\ttext {i}\n" for i in range(10)))
        write(f"{language}-en.en", "".join(f"en-{i}\ttext {i}\n" for i in range(5)))
        write(f"gold-{language}", f"{language}-0\ten-3\n")
    found = load(source_of(_mining(), data), "test", ["de", "fr"])
    assert len(found) == len(set(found["id"][:])) == 30
    few = load(source_of(_mining(), data), "test", ["de", "fr"], max_examples=2)
    assert few["id"][:2] == ["de/de-0", "de/de-1"]
    assert few["side"][:] == (["query"] * 2 + ["candidate"] * 5) * 2
    assert few["relevant"][0] == ["de/en-3"]
    part = load(source_of(_mining(), data), "train:-10%", ["de"])
    assert part["side"][:] == ["query"] + ["candidate"] * 5


def test_duplicate_ids_in_a_pool(data, write):
    write("de-en.de", "de-1\ta\n")
    path = write("de-en.en", "en-1\ta\nen-1\tb\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:2: id 'de/en-1' was used at {path}:1 already")):
        load(source_of(_mining(), data), "test", ["de"])


def test_mlm_has_no_gold_and_loses_nothing(data, write):
    write("en.txt", "one\n\ntwo\n")
    task = Task(name="mlm", format="mlm", sources={"xtreme": Source(reader="text", files={"train": "{language}.txt"})})
    assert load(source_of(task, data), "train", ["en"])[:] == {
        "id": ["train-0", "train-1"],
        "language": ["en"] * 2,
        "text": ["one", "two"],
        "translation": [None, None],
    }
