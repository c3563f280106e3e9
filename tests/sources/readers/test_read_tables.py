"""delimited, jsonl, text and copa_xml."""

import contextlib
import csv
import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.raw import readable
from xstilts.sources.readers import copa_xml, delimited, jsonl, text
from xstilts.tasks.declaration import Source


def _fields(reader, path: Path, **options) -> list[dict]:
    return [row.fields for row in readable(reader.read({"data": path}, Source(reader="x", options=options), "train", "en"))]


NAMES = ["a", "b", "label"]


def test_crlf_and_rows_are_placed(write):
    path = write("a.tsv", "x\ty\t1\r\n  u\tv  \t0\r\n")
    rows = list(delimited.read({"data": path}, Source(reader="x", options={"names": NAMES}), "train", "en"))
    assert [row.where for row in rows] == [f"{path}:1", f"{path}:2"]
    assert rows[1].fields == {"a": "  u", "b": "v  ", "label": "0"}


def test_quotes_are_undone_where_a_csv_writer_made_them(write):
    path = write("a.tsv", '"say ""x"""\ty z\t1\n')
    assert _fields(delimited, path, names=NAMES, quoting=False)[0]["a"] == '"say ""x"""'
    for options in ({}, {"quoting": True}, {"quoting": "auto"}):
        assert _fields(delimited, path, names=NAMES, **options)[0] == {"a": 'say "x"', "b": "y z", "label": "1"}
    assert _fields(delimited, write("b.tsv", '"a"\t"b ""c"""\t"1"\n""\t"d"\t"0"\n'), names=NAMES)[1] == {
        "a": "",
        "b": "d",
        "label": "0",
    }
    assert _fields(delimited, write("c.tsv", '"a"\t"b"\t"1"\n'), names=NAMES)[0] == {"a": "a", "b": "b", "label": "1"}


PLAIN = (
    'Er kam.\tEr kam her.\t1\n"Kommt alle\tsagte er.\t0\nNein, rief er"\tEr rief\t1\nSie ging.\tSie ging fort.\t0\n"Ja"\tJa\t1\n'
)


def test_quotes_that_are_characters_join_no_rows(write):
    """PAWS-X's own lines, cut to XTREME's columns: a CSV reader makes 4 rows of these 5."""
    path = write("a.tsv", PLAIN)
    rows = _fields(delimited, path, names=NAMES)
    assert [list(row.values()) for row in rows] == [line.split("\t") for line in PLAIN.splitlines()]
    with pytest.raises(
        UserError, match=re.escape(f"{path}:2: wrongly quoted (a quote is not closed in its line); if its quotes")
    ):
        _fields(delimited, path, names=NAMES, quoting=True)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '"a ""b"""\tx\t1\nc "d"\ty\t0\n',
            "line 1 has a cell in quotes with doubled quotes inside, as CSV writers make them, but line 2",
        ),
        (
            'x\t"a\t1\nu\t"v ""w"""\t1\n',
            "line 2 has a cell in quotes with doubled quotes inside, as CSV writers make them, but line 1",
        ),
    ],
)
def test_a_file_with_both_kinds_of_quotes_is_refused(write, content, told):
    path = write("a.tsv", content)
    with pytest.raises(UserError, match=re.escape(f"{path}: {told}") + ".* set options.quoting=false"):
        _fields(delimited, path, names=NAMES)
    assert len(_fields(delimited, path, names=NAMES, quoting=False)) == 2


def test_rows_of_a_csv_file_are_not_joined_by_quotes_that_are_characters(write):
    path = write("a.csv", 'x,y,1\n"Kommt alle,sagte er,0\nNein rief er",Er rief nein,1\n')
    told = (
        f"{path}:2: a quoted cell goes on to line 3, but each of these lines has 3 columns by itself: set options.quoting=false"
    )
    with pytest.raises(UserError, match=re.escape(told)):
        _fields(delimited, path, names=NAMES, delimiter=",")
    assert len(_fields(delimited, path, names=NAMES, delimiter=",", quoting=False)) == 3
    assert len(_fields(delimited, path, names=NAMES, delimiter=",", quoting=True)) == 2


@pytest.mark.parametrize(
    ("content", "delimiter", "told"),
    [
        ('x\t"a\nb"\t1\n', "\t", ":1: wrongly quoted (a quote is not closed in its line)"),
        ('x\t"a\tb"\t1\n', "\t", ":1: a TAB inside a quoted cell"),
        ('x,"a" b,1\n', ",", ":1: wrongly quoted (a quoted cell goes on after its closing quote)"),
        ('x,y,1\nx,"a\nb,1\nx,y,1\n', ",", ":2: wrongly quoted (a quote is opened and never closed)"),
    ],
)
def test_a_wrong_quote_is_told_with_the_line_where_it_opens(write, content, delimiter, told):
    path = write("a", content)
    with pytest.raises(
        UserError, match=re.escape(f"{path}{told}; if its quotes are plain characters, set options.quoting=false")
    ):
        _fields(delimited, path, names=NAMES, delimiter=delimiter, quoting=True)


def test_a_bare_carriage_return_and_a_long_cell_are_text(write):
    long = "x" * 200_000
    path = write("a.csv", f'a,b\n"one\rtwo",{long}\nthree\rfour,"{long}, y"\n')
    rows = _fields(delimited, path, header=True, delimiter=",")
    assert [row["a"] for row in rows] == ["one\rtwo", "three\rfour"] and [len(row["b"]) for row in rows] == [200_000, 200_003]


CELLS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r\ufeff"), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1), st.sampled_from([",", ";", "|"]), st.sampled_from([0, 1]))
def test_what_python_writes_as_csv_is_read_back(tmp_path_factory, table, delimiter, quoting):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(table)
    assert [list(row.values()) for row in _fields(delimited, path, names=NAMES, delimiter=delimiter, quoting=True)] == table
    with contextlib.suppress(UserError):  # rows over several lines, each of which could be a row
        assert [list(row.values()) for row in _fields(delimited, path, names=NAMES, delimiter=delimiter)] == table


IN_LINE = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r\n\t\ufeff"), min_size=1, max_size=6)
ROWS = st.lists(st.lists(IN_LINE, min_size=3, max_size=3), min_size=1)


@given(ROWS)
def test_what_python_writes_as_tsv_is_read_back(tmp_path_factory, table):
    """XTREME's own way of writing XNLI and PAWS-X."""
    path = tmp_path_factory.mktemp("tsv") / "a.tsv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(table)
    assert [list(row.values()) for row in _fields(delimited, path, names=NAMES)] == table
    assert [list(row.values()) for row in _fields(delimited, path, names=NAMES, quoting=True)] == table


@given(ROWS)
def test_plain_lines_are_read_as_they_are_or_refused(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("tsv") / "a.tsv"
    path.write_text("".join("\t".join(cells) + "\n" for cells in table), encoding="utf-8")
    assert [list(row.values()) for row in _fields(delimited, path, names=NAMES, quoting=False)] == table
    with contextlib.suppress(UserError):
        found = [list(row.values()) for row in _fields(delimited, path, names=NAMES)]
        assert len(found) == len(table), "no rows are joined"


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
    with pytest.raises(UserError, match=re.escape(f"{mixed}:2: 2 columns, expected 3 (a, b, label) separated by TAB")):
        _fields(delimited, mixed, **options)
    other = write("other.tsv", "x\ty\nx\ty\t1\n")
    with pytest.raises(UserError, match=re.escape(f"{other}:2: 3 columns, expected 2 (a, b) separated by TAB")):
        _fields(delimited, other, **options)


@pytest.mark.parametrize("line", ["x", "x\ty", "x\ty\t1\t2"])
def test_a_wrong_number_of_columns(write, line):
    path = write("a.tsv", f"x\ty\t1\n{line}\n")
    count = len(line.split("\t"))
    for quoting in (False, True, "auto"):
        with pytest.raises(
            UserError, match=re.escape(f"{path}:2: {counted(count, 'column')}, expected 3 (a, b, label) separated by TAB")
        ):
            _fields(delimited, path, names=NAMES, quoting=quoting)


@pytest.mark.parametrize(
    ("content", "options", "advice"),
    [
        (
            'x,"y, z",1\n',
            {"delimiter": ",", "quoting": False},
            "4 column.*, expected 3.*; its cells are in quotes: set options.quoting=true",
        ),
        (
            'x,"y,z",1\n"a,b,c"\n',
            {"delimiter": ","},
            ":2: 1 column.*if its quotes are plain characters, set options.quoting=false",
        ),
        ("x,y,1\n", {}, "1 column.* separated by TAB; its cells are separated by ',': set options.delimiter"),
        ("x;y;1\n", {"delimiter": ","}, "separated by ','; its cells are separated by ';': set options.delimiter"),
    ],
)
def test_a_wrong_number_of_columns_comes_with_advice(write, content, options, advice):
    with pytest.raises(UserError, match=advice):
        _fields(delimited, write("a.csv", content), names=NAMES, **options)


@pytest.mark.parametrize("end", ["", "\n", "\n\n\r\n"])
def test_blank_lines_at_the_end_are_no_rows(write, end):
    assert len(_fields(delimited, write("a.tsv", f"x\ty\t1\n{end}"), names=NAMES)) == 1
    assert len(_fields(delimited, write("a.csv", f'x,"y\n\nz",1\n{end}'), names=NAMES, delimiter=",")) == 1
    path = write("b.tsv", "x\ty\t1\n\nx\ty\t1\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:2: a blank line in the middle of the table, expected 3 columns")):
        _fields(delimited, path, names=NAMES)


def test_columns_without_names_have_numbers(write):
    assert _fields(delimited, write("a.tsv", "x\ty\n")) == [{"1": "x", "2": "y"}]
    path = write("b.tsv", "a\tb\ta\nx\ty\tz\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:1: the header has the column 'a' twice")):
        _fields(delimited, path, header=True)


def test_jsonl(write):
    content = '{"a": 1}\r\n\r\n{"a": "\\u00f5"}\r\n'
    assert _fields(jsonl, write("a.jsonl", content)) == [{"a": 1}, {"a": "õ"}]
    assert _fields(jsonl, write("a.jsonl.gz", gzip.compress(content.encode()))) == [{"a": 1}, {"a": "õ"}]
    path = write("b.jsonl", '{"a": 1}\n{"a": \n')
    with pytest.raises(UserError, match=re.escape(f"{path}:2: not JSON")):
        _fields(jsonl, path)
    path = write("c.jsonl", "[1]\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:1: element 1: got int, expected a JSON object")):
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


@pytest.mark.slow
def test_balanced_copa_as_released(shared_data):
    rows = _fields(copa_xml, shared_data / "originals/copa/balanced-copa-dev-all.xml")
    assert len(rows) == 1000
    assert sum(row["label"] == "0" for row in rows) == 506
    assert {row["question"] for row in rows} == {"cause", "effect"}


def test_the_same_quotes_as_in_pawsx_original(shared_data):
    """Undoing csv's quotes gives back what the release has, seen on a German file with 134 wrapped cells."""
    rows = _fields(delimited, shared_data / "xtreme/pawsx/test-de.tsv", names=["a", "b"])
    assert rows == _fields(delimited, shared_data / "xtreme/pawsx/test-de.tsv", names=["a", "b"], quoting=True)
    raw = _fields(delimited, shared_data / "xtreme/pawsx/test-de.tsv", names=["a", "b"], quoting=False)
    assert len(rows) == len(raw) == 2000
    assert not any('""' in row["a"] + row["b"] for row in rows)
    assert sum(row != other for row, other in zip(rows, raw, strict=True)) > 0


@pytest.mark.parametrize("file", ["dev-de", "dev-ko", "dev-zh", "test-de", "test-ko", "test-zh", "train-en"])
def test_pawsx_reads_the_same_from_its_own_lines(shared_data, tmp_path, file):
    """`cut` of the release instead of XTREME's script: quotes are characters, and every row is there."""
    names = ["a", "b"] if file.startswith("test") else NAMES
    rows = _fields(delimited, shared_data / f"xtreme/pawsx/{file}.tsv", names=names)
    path = tmp_path / "plain.tsv"
    path.write_text("".join("\t".join(row.values()) + "\n" for row in rows), encoding="utf-8")
    assert _fields(delimited, path, names=names) == rows
