"""delimited, jsonl, text and copa_xml."""

import gzip
import re
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.sources.readers import copa_xml, delimited, jsonl, text
from xstilts.tasks.declaration import Source


def _fields(reader, path: Path, **options) -> list[dict]:
    return [row.fields for row in reader.read({"data": path}, Source(reader="x", options=options), "train", "en")]


NAMES = ["a", "b", "label"]


def test_crlf_and_rows_are_placed(write):
    path = write("a.tsv", "x\ty\t1\r\n  u\tv  \t0\r\n")
    rows = list(delimited.read({"data": path}, Source(reader="x", options={"names": NAMES}), "train", "en"))
    assert [row.where for row in rows] == [f"{path}:1", f"{path}:2"]
    assert rows[1].fields == {"a": "  u", "b": "v  ", "label": "0"}


def test_quotes_are_unwrapped_only_where_asked(write):
    path = write("a.tsv", '"say ""x"""\ty "z"\t1\n')
    assert _fields(delimited, path, names=NAMES)[0] == {"a": '"say ""x"""', "b": 'y "z"', "label": "1"}
    assert _fields(delimited, path, names=NAMES, quoting=True)[0] == {"a": 'say "x"', "b": 'y "z"', "label": "1"}


def test_csv_with_header_and_cells_over_lines(write):
    path = write("a.csv", 'a,b\n"x, y","1\n2"\nu,v\n')
    assert _fields(delimited, path, header=True, delimiter=",", quoting=True) == [
        {"a": "x, y", "b": "1\n2"},
        {"a": "u", "b": "v"},
    ]


def test_a_file_may_lack_its_optional_columns_but_only_as_a_whole(write):
    options = {"names": NAMES, "optional": ["label"]}
    assert _fields(delimited, write("two.tsv", "x\ty\n"), **options) == [{"a": "x", "b": "y"}]
    assert _fields(delimited, write("three.tsv", "x\ty\t1\n"), **options) == [{"a": "x", "b": "y", "label": "1"}]
    mixed = write("mixed.tsv", "x\ty\t1\nx\ty\n")
    with pytest.raises(UserError, match=re.escape(f"{mixed}:2: 2 column(s), expected 3 (a, b, label) parted by TAB")):
        _fields(delimited, mixed, **options)
    other = write("other.tsv", "x\ty\nx\ty\t1\n")
    with pytest.raises(UserError, match=re.escape(f"{other}:2: 3 column(s), expected 2 (a, b) parted by TAB")):
        _fields(delimited, other, **options)


@pytest.mark.parametrize("line", ["x", "x\ty", "x\ty\t1\t2", ""])
def test_a_wrong_number_of_columns(write, line):
    path = write("a.tsv", f"x\ty\t1\n{line}\n")
    count = len(line.split("\t"))
    with pytest.raises(UserError, match=re.escape(f"{path}:2: {count} column(s), expected 3 (a, b, label)")):
        _fields(delimited, path, names=NAMES)
    with pytest.raises(UserError, match=re.escape(f"{path}:2: ")):
        _fields(delimited, path, names=NAMES, quoting=True)


def test_a_quote_that_is_never_closed(write):
    path = write("a.tsv", 'x\ty\n"x\ty\n')
    with pytest.raises(UserError, match=re.escape(f"{path}:2: wrongly quoted") + ".*options.quoting=false"):
        _fields(delimited, path, names=["a", "b"], quoting=True)


def test_jsonl(write):
    content = '{"a": 1}\r\n\r\n{"a": "\\u00f5"}\r\n'
    assert _fields(jsonl, write("a.jsonl", content)) == [{"a": 1}, {"a": "õ"}]
    assert _fields(jsonl, write("a.jsonl.gz", gzip.compress(content.encode()))) == [{"a": 1}, {"a": "õ"}]
    path = write("b.jsonl", '{"a": 1}\n{"a": \n')
    with pytest.raises(UserError, match=re.escape(f"{path}:2: not JSON")):
        _fields(jsonl, path)
    path = write("c.jsonl", "[1]\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:1: got list, expected a JSON object")):
        _fields(jsonl, path)


def test_text_skips_blank_lines(write):
    path = write("a.txt", "one \n\n \ntwo")
    rows = list(text.read({"data": path}, Source(reader="text"), "train", "en"))
    assert [(row.where, row.fields) for row in rows] == [(f"{path}:1", {"text": "one"}), (f"{path}:4", {"text": "two"})]


ITEM = (
    '<copa-corpus><item id="7" asks-for="{}" most-plausible-alternative="{}"><p>p</p><a1>x</a1><a2>{}</a2></item></copa-corpus>'
)


def test_copa_xml(write):
    path = write("a.xml", ITEM.format("cause", 2, "y"))
    expected = {"id": "7", "premise": "p", "question": "cause", "choice1": "x", "choice2": "y", "label": "1"}
    assert _fields(copa_xml, path) == [expected]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ITEM.format("why", 1, "y"), "item '7': expected id, asks-for (cause or effect)"),
        (ITEM.format("cause", 1, ""), "item '7': expected id, asks-for (cause or effect)"),
        (ITEM.format("cause", 3, "y"), "item '7': most-plausible-alternative '3', expected 1 or 2"),
        ("<copa-corpus>\n<item>", "not XML"),
    ],
)
def test_copa_xml_that_is_wrong(write, content, message):
    path = write("a.xml", content)
    with pytest.raises(UserError, match=re.escape(str(path)) + ".*" + re.escape(message)):
        _fields(copa_xml, path)


def test_balanced_copa_as_released(shared_data):
    rows = _fields(copa_xml, shared_data / "originals/copa/balanced-copa-dev-all.xml")
    assert len(rows) == 1000
    assert sum(row["label"] == "0" for row in rows) == 506
    assert {row["question"] for row in rows} == {"cause", "effect"}


def test_the_same_quotes_as_in_pawsx_original(shared_data):
    """Undoing csv's quotes gives back what the release has, seen on a German file with 134 wrapped cells."""
    rows = _fields(delimited, shared_data / "xtreme/pawsx/test-de.tsv", names=["a", "b"], quoting=True)
    raw = _fields(delimited, shared_data / "xtreme/pawsx/test-de.tsv", names=["a", "b"])
    assert len(rows) == len(raw) == 2000
    assert not any('""' in row["a"] + row["b"] for row in rows)
    assert sum(row != other for row, other in zip(rows, raw, strict=True)) > 0
