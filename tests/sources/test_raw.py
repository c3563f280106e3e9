"""Strict reading of files."""

import gzip
import re

import pytest

from xstilts.errors import UserError
from xstilts.sources.raw import check_options, json_document, lines
from xstilts.sources.readers import READERS, reader_module
from xstilts.tasks.declaration import Source


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


def test_an_unknown_option_gets_a_suggestion():
    with pytest.raises(UserError, match="unknown option of a task's source 'delimeter': did you mean delimiter"):
        check_options(Source(reader="delimited", options={"delimeter": ","}))


def test_readers_are_modules_with_read():
    assert all(callable(reader_module(name).read) for name in READERS)
    with pytest.raises(UserError, match="unknown reader 'json': did you mean jsonl"):
        reader_module("json")
