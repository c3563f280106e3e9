"""Files of odd form, as users have them: each is read right, or refused in one line with what to do."""

import datetime
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

LABELS = {"classification": ["yes", "no"], "tagging": ["O", "B-PER", "I-PER"]}
ROW = '{"id": "1", "text_a": "a", "label": "yes"}\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """The examples of one file, whose content may also be a Parquet table."""

    def _read(form: str, reader: str, content: str | bytes | pyarrow.Table, split: str = "test", **source: Any) -> list[Any]:
        path = tmp_path / "file"
        if isinstance(content, pyarrow.Table):
            parquet.write_table(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        labels = LABELS.get(form, [])
        task = Task(
            name="own", format=form, labels=labels, sources={"own": Source(reader=reader, files={split: "file"}, **source)}
        )
        return list(load(source_of(task, DataConfig(source="own", root=str(tmp_path))), split, ["en"]))

    return _read


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gzip.compress(b"a\nb\n", mtime=0), "is a gzip file: give its name the ending .gz"),
        (b"PK\x03\x04\x14\x00\x00\x00", "is a zip archive: unpack it"),
        (b"PAR1\x15\x04", "is a Parquet file: set the source's reader to parquet"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 12\n", "is a pointer of Git LFS"),
        ("\n<p>x</p>", None),
        ("<!DOCTYPE html>\n<html></html>\n", "is a web page, not data"),
        ("<html>\n", "is a web page, not data"),
        ("a\rb\rc\r", "its lines end in CR alone"),
        ("a\rb\rc", "its lines end in CR alone"),
        ("a\rb\nc\n", None),
        ("a\r\nb", None),
    ],
)
def test_what_is_no_text_is_never_read_as_text(read, content, told):
    if told is None:
        assert len(read("mlm", "text", content, "train")) in (1, 2)
        return
    with pytest.raises(UserError, match="file: " + told):
        read("mlm", "text", content, "train")


def test_a_file_that_cannot_be_read_is_one_line(read, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="cannot be read \\(File name too long\\)"):
        task = Task(name="own", format="mlm", sources={"own": Source(reader="text", files={"train": "a" * 300})})
        load(source_of(task, DataConfig(source="own", root=str(tmp_path))), "train", ["en"])

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("xstilts.sources.raw._open", refuse)
    with pytest.raises(UserError, match="file: cannot be read \\(Permission denied\\)"):
        read("mlm", "text", "a\n", "train")


@pytest.mark.parametrize("indent", [None, 1])
def test_rows_inside_one_object_are_refused(read, indent):
    rows = [json.loads(ROW)]
    with pytest.raises(UserError, match="is one object that holds the rows as 'data': write the list"):
        read("classification", "jsonl", json.dumps({"version": 1, "data": rows}, indent=indent))
    squad = {"data": [{"title": "t", "paragraphs": []}]}
    with pytest.raises(UserError, match="is SQuAD's JSON.*reader to squad"):
        read("span_qa", "squad_rows", json.dumps(squad, indent=indent))


def test_one_row_is_read_on_a_line_and_refused_over_several(read):
    assert len(read("classification", "jsonl", ROW)) == 1
    with pytest.raises(UserError, match="file: is one object over several lines; expected one object per line"):
        read("classification", "jsonl", json.dumps(json.loads(ROW), indent=2))


@pytest.mark.parametrize("content", ["{}", "[{}]"])
def test_a_key_that_is_there_twice_is_refused(read, content):
    row = '{"id": "1", "text_a": "a", "label": "yes", "label": "no"}'
    with pytest.raises(UserError, match=":1.*an object has the key 'label' twice"):
        read("classification", "jsonl", content.replace("{}", row))


def test_json_lines_given_to_squad_say_what_is_expected(read):
    with pytest.raises(UserError, match="file:2: not JSON .*expected one object in the whole file"):
        read("span_qa", "squad", ROW + ROW)


def test_nan_is_null_and_infinity_is_refused(read):
    row = '{"id": "1", "text_a": %s, "text_b": %s, "label": %s}'
    (example,) = read("classification", "jsonl", row % ('"a"', "NaN", "NaN"))
    assert (example["text_b"], example["label"]) == (None, None)
    with pytest.raises(UserError, match=":1: the column 'text_a' is null"):
        read("classification", "jsonl", row % ("NaN", '"b"', '"yes"'))
    for value in ("Infinity", "-Infinity", "1e999"):
        with pytest.raises(UserError, match=":1: text_b: got -?inf, expected a text or number"):
            read("classification", "jsonl", row % ('"a"', value, '"yes"'))


@pytest.mark.parametrize("choice", ["true", "NaN", "null", "[1]"])
def test_odd_choices_are_refused(read, choice):
    with pytest.raises(UserError, match="file:1: "):
        read("multiple_choice", "jsonl", f'{{"id": "1", "prompt": "p", "choices": ["a", {choice}], "label": 1}}')


@pytest.mark.parametrize(("label", "right"), [("1", 1), ('"1 "', 1), ('" 1"', 1), ('"1_0"', None), ('"B"', None), ("1.5", None)])
def test_the_label_of_a_choice_is_a_plain_number(read, label, right):
    row = f'{{"id": "1", "prompt": "p", "choices": {json.dumps(list("abcdefghijkl"))}, "label": {label}}}'
    if right is not None:
        assert read("multiple_choice", "jsonl", row)[0]["label"] == right
        return
    with pytest.raises(UserError, match=r'expected a number; map it in the source, for instance labels: \{"'):
        read("multiple_choice", "jsonl", row)


@pytest.mark.parametrize(
    ("label", "advice"),
    [("Yes", '{"Yes": "yes"}'), ("no ", '{"no ": "no"}'), ("'no'", """{"'no'": "no"}"""), ("maybe", '{"maybe": LABEL}')],
)
def test_a_label_that_nearly_fits_is_mapped_to_its_own(read, label, advice):
    with pytest.raises(UserError) as error:
        read("classification", "jsonl", json.dumps({"text_a": "a", "label": label}))
    assert str(error.value).endswith(f"labels: {advice}")


@pytest.mark.parametrize(
    ("tag", "advice"),
    [
        ("b-per", '{"b-per": "B-PER"}'),
        ("B-PER ", '{"B-PER ": "B-PER"}'),
        ("S-PER", '{"S-PER": "B-PER"}'),
        ("E-PER", '{"E-PER": "I-PER"}'),
        ("B-DATE", '{"B-DATE": O}'),
        ("3", '{"3": LABEL}'),
    ],
)
def test_a_tag_that_nearly_fits_is_mapped_to_its_own(read, tag, advice):
    with pytest.raises(UserError) as error:
        read("tagging", "conll", f"EU\t{tag}\nx\tO\n")
    assert str(error.value).endswith(f"labels: {advice}")


def test_placeholders_of_tags_are_no_gold_whatever_the_lengths(read):
    examples = read("tagging", "conll", "a\tO\nb\tO\n\nc\tO\n", options={"no_gold": ["test"]})
    assert [example["tags"] for example in examples] == [None, None]
    examples = read("tagging", "conll", "a\tO\nb\tB-PER\n\nc\tO\n", options={"no_gold": ["test"]})
    assert [example["tags"] for example in examples] == [["O", "B-PER"], ["O"]]


@pytest.mark.parametrize("line", ["-DOCSTART- O", "-docstart- O", "-DOCSTART-\tO", "-DOCSTART- -X- -X- O", "-DOCSTART-"])
def test_documents_are_no_sentences(read, line):
    assert [example["words"] for example in read("tagging", "conll", f"{line}\n\nEU B-PER\nx O\n")] == [["EU", "x"]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("EU B-PER\nx\tO\n", ":2: 2 columns, expected a word alone.*; if they have tags too, separate the columns by TAB"),
        (
            "#sent_id=1\nEU\tB-PER\n",
            ":1: 1 column, expected 2 .*; if this line is a comment, set options.comment='#sent_id'",
        ),
        ("x\tO\n# a note\nEU\tB-PER\n", ":2: 1 column, expected 2 .*; if this line is a comment, set options.comment='#'"),
        ("en:EU\tB-PER\nen:x\tO\n", ": every word begins with 'en:', .*set options.prefix=true"),
    ],
)
def test_conll_of_another_form_says_what_to_set(read, content, told):
    with pytest.raises(UserError, match="file" + told):
        read("tagging", "conll", content)


@pytest.mark.parametrize("line", ["ID\ta\ta\tX\t_\t_\t0\t_\t_\t_", "1-ID\ta\ta\tX\t_\t_\t0\t_\t_\t_"])
def test_ids_of_thousands_of_digits_are_one_line(read, line):
    with pytest.raises(UserError, match="file:1: id '.*', expected a number such as 3, 3-4 or 3.1"):
        read("tagging", "conllu", line.replace("ID", "1" * 5000) + "\n")


def test_heads_that_are_no_numbers_play_no_part(read):
    for head in ("9" * 5000, "\u0661", "\u00b2", "x", "_"):
        (example,) = read("tagging", "conllu", f"1\ta\ta\tO\t_\t_\t{head}\t_\t_\t_\n")
        assert example["tags"] == ["O"]


def test_a_true_is_impossible_has_no_answer_in_rows_either(read):
    row = {"id": "1", "question": "q", "context": "c", "answers": {"text": ["c"], "answer_start": [0]}}
    assert read("span_qa", "squad_rows", json.dumps(row | {"is_impossible": True}))[0]["answers"] == []
    for value in (False, None):
        assert len(read("span_qa", "squad_rows", json.dumps(row | {"is_impossible": value}))[0]["answers"]) == 1
    with pytest.raises(UserError, match=":1: is_impossible is 'yes', expected true or false"):
        read("span_qa", "squad_rows", json.dumps(row | {"is_impossible": "yes"}))


@pytest.mark.parametrize("field", ["question", "context"])
def test_an_empty_question_or_context_is_refused(read, field):
    row = {"id": "1", "question": "q", "context": "c", "answers": []} | {field: " "}
    with pytest.raises(UserError, match=f":1: an empty {field}"):
        read("span_qa", "squad_rows", json.dumps(row))


@pytest.mark.parametrize(("text", "there"), [("Ga\u0308rten", "G\u00e4rten"), ("G\u00e4rten", "Ga\u0308rten")])
def test_an_answer_in_the_other_unicode_form_is_found(read, text, there):
    row = {"id": "1", "question": "q", "context": f"Im {there}.", "answers": [{"text": text, "answer_start": 3}]}
    assert read("span_qa", "squad_rows", json.dumps(row), "train")[0]["answers"] == [{"text": there, "start": 3}]
    assert read("span_qa", "squad_rows", json.dumps(row), "test")[0]["answers"] == [{"text": text, "start": None}]


@pytest.mark.parametrize("pair", [[5, 2], [0, 99], [-3, 4], [0.5, 4], [True, 4], ["0", "4"]])
def test_sentence_breaks_outside_the_context_are_refused(read, pair):
    question = {"id": "1", "question": "q", "answers": [{"text": "C", "answer_start": 5}]}
    paragraph = {"context": "A b. C d.", "sentence_breaks": [[0, 4], pair], "qas": [question]}
    with pytest.raises(
        UserError, match="paragraph 0: the sentence_breaks have .*, expected whole numbers with 0 <= start < end <= 9"
    ):
        read("retrieval", "lareqa", json.dumps({"data": [{"paragraphs": [paragraph]}]}))


def test_the_encoding_that_an_xml_file_declares_is_not_believed(read):
    item = '<item id="1" asks-for="cause" most-plausible-alternative="1"><p>\u00e4</p><a1>b</a1><a2>c</a2></item>'
    content = f'<?xml version="1.0" encoding="ISO-8859-1"?><c>{item}</c>'
    columns = {"prompt": "premise", "choices": ["choice1", "choice2"]}
    assert read("multiple_choice", "copa_xml", content, columns=columns)[0]["prompt"] == "\u00e4"


def test_parquet_with_a_column_twice_or_odd_dates_is_one_line(read):
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text_a", "text_a"])
    with pytest.raises(UserError, match="file: the table has the column 'text_a' twice"):
        read("classification", "parquet", twice)
    texts = {"text_a": ["a"], "label": ["yes"]}
    for dates in (pyarrow.array([2**30], pyarrow.date32()), pyarrow.array([2**53], pyarrow.timestamp("ms"))):
        with pytest.raises(UserError, match="file:1: this row, or one of the 2000 after it, has a value that cannot be read"):
            read("classification", "parquet", pyarrow.table(texts | {"date": dates}))
    dates = pyarrow.array([datetime.date(2024, 1, 1)])
    assert len(read("classification", "parquet", pyarrow.table(texts | {"date": dates}))) == 1


def test_parquet_with_a_damaged_page_is_one_line(read, tmp_path):
    parquet.write_table(pyarrow.table({"text_a": [f"{'a' * 50}{row}" for row in range(900)]}), tmp_path / "whole")
    content = bytearray((tmp_path / "whole").read_bytes())
    content[60:90] = b"\xff" * 30
    with pytest.raises(UserError, match="file: not a whole Parquet file"):
        read("classification", "parquet", bytes(content))


def test_a_query_none_of_whose_candidates_is_there_is_refused(read):
    rows = [{"id": "q", "side": "query", "text": "a", "relevant": ["c", "x"]}, {"id": "c", "side": "candidate", "text": "b"}]
    lines = "\n".join(map(json.dumps, rows))
    assert read("retrieval", "examples", lines)[0]["relevant"] == ["c"]
    with pytest.raises(UserError, match="query 'q': none of its relevant candidates is there, such as 'typo'"):
        read("retrieval", "examples", lines.replace('"c", "x"', '"typo"'))


def test_a_message_shows_a_delimiter_in_one_line(read):
    with pytest.raises(UserError, match=r"separated by '\\n'"):
        read("classification", "delimited", "a\tb\n", options={"delimiter": "\n", "names": ["text_a", "label"]})


@pytest.mark.parametrize("placeholder", ["{name}", "{iso3}", "{second}"])
def test_a_language_without_a_name_for_its_path_needs_a_map(tmp_path, placeholder):
    source = Source(reader="text", files={"train": f"{placeholder}.txt"})
    task = Task(name="own", format="mlm", languages=["xx"], sources={"own": source})
    told = f"language 'xx': this language has no {placeholder}, which is in files.train; write a map"
    with pytest.raises(UserError, match=re.escape(told)):
        load(source_of(task, DataConfig(source="own", root=str(tmp_path))), "train", ["xx"])
