"""Strict reading of files."""

import gzip
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources.raw import json_document, json_objects, lines, readable
from xstilts.sources.readers import reader_module, reader_names


def test_only_lf_and_crlf_end_a_line(write):
    path = write("a.txt", "a\x1cb\u2028c\x85\r\nd\re\n")
    assert list(lines(path)) == [(1, "a\x1cb\u2028c\x85"), (2, "d\re")]


def test_gzip_and_a_byte_order_mark_are_transparent(write):
    assert list(lines(write("a.txt.gz", gzip.compress("\ufeffa\nb".encode())))) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("name", ["a.txt", "a.json"])
def test_an_empty_file(write, name):
    path = write(name, "")
    with pytest.raises(UserError, match=re.escape(f"{path}: the file is empty")):
        list(lines(path))
    with pytest.raises(UserError, match=re.escape(f"{path}: the file is empty")):
        json_document(path)


def test_bytes_that_are_not_utf8_are_placed(write):
    path = write("a.txt", b"fine\nb\xe9te\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:2: byte 2 of the line is not UTF-8")):
        list(lines(path))
    for encoding, told in (("utf-16", "byte 1 of the line is"), ("utf-16-le", "byte 2 of the line is zero, so this is no text")):
        path = write("b.txt", "ab\tc\n".encode(encoding))
        with pytest.raises(UserError, match=re.escape(f"{path}:1: {told}")):
            list(lines(path))


@pytest.mark.parametrize("content", [b"plain text", gzip.compress(b"a\nb\n" * 999, mtime=0)[:-20]])
def test_a_broken_gzip_file(write, content):
    path = write("a.txt.gz", content)
    with pytest.raises(UserError, match=re.escape(f"{path}: broken gzip file")):
        list(lines(path))


def test_json_that_is_broken_or_no_object(write):
    path = write("a.json", '{"a":\n1,}')
    with pytest.raises(UserError, match=re.escape(f"{path}:2: not JSON")):
        json_document(path)
    with pytest.raises(UserError, match="got list, expected a JSON object"):
        json_document(write("b.json", "[1]"))


def test_objects_are_read_from_lines_and_from_an_array_alike(write):
    objects = [{"a": 1, "b": ["]", "\u2028,"]}, {"c": {"d": None}}]
    on_lines = write("a.jsonl", "\n".join(map(json.dumps, objects)) + "\n\n")
    assert [row.fields for row in readable(json_objects(on_lines))] == objects
    for indent in (None, 2):
        path = write("a.json", "\ufeff\n " + json.dumps(objects, indent=indent, ensure_ascii=False) + "\n")
        assert [row.fields for row in readable(json_objects(path))] == objects
    assert [row.where for row in readable(json_objects(path))] == [f"{path}:3: element 1", f"{path}:10: element 2"]


VALUES = st.recursive(st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), min_size=1, max_size=4), st.booleans())
def test_an_array_gives_the_elements_back(tmp_path_factory, objects, indented):
    path = tmp_path_factory.mktemp("array") / "a.json"
    path.write_text(json.dumps(objects, indent=1 if indented else None), encoding="utf-8")
    found = list(readable(json_objects(path)))
    assert [row.fields for row in found] == objects
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, row in enumerate(found, start=1):
        line = int(row.where.removeprefix(f"{path}:").partition(":")[0])
        assert row.where.endswith(f": element {number}") and "{" in lines[line - 1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"a": 1},\n {"a": }]', ":2: element 2: not JSON (Expecting value at column 8)"),
        ('[{"a": 1}\n {"a": 2}]', ":1: element 2: not JSON (expected a comma before it, or ] at the end)"),
        ('[{"a": 1},\n]', ":2: element 2: not JSON (Expecting value at column 1)"),
        ('[{"a": 1}', ":1: element 2: not JSON (expected a comma before it, or ] at the end)"),
        ('[{"a": 1}]\n{"a": 2}', ":2: not JSON (something follows the end of the array)"),
        ('[{"a": 1},\n\n3]', ":3: element 2: got int, expected a JSON object"),
        ('{"a": 1}\n[1]', ":2: got list, expected a JSON object"),
        ('{\n"a": 1}', "is one object over several lines; expected one object per line, or one array of objects"),
        ("[" + "[" * 100000, ": element 1: JSON that cannot be read ("),
        ('{"a": ' + "9" * 5000 + "}", ":1: JSON that cannot be read (Exceeds the limit"),
    ],
)
def test_json_that_is_no_list_of_objects_is_told_with_its_place(write, content, told):
    path = write("a.json", content)
    with pytest.raises(UserError) as raised:
        list(readable(json_objects(path)))
    assert str(raised.value).startswith(str(path)) and told in str(raised.value)


def test_readers_are_modules_with_read():
    assert all(callable(reader_module(name).read) for name in reader_names())
    with pytest.raises(UserError, match="unknown reader 'json': did you mean jsonl"):
        reader_module("json")
