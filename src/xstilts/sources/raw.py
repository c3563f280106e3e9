"""Raw files, read strictly: what every reader shares.

UTF-8 or an error that names file and line; only LF and CRLF end a line (a cell of PAWS-X holds U+001C, which
`str.splitlines` would break at); `.gz` files are decompressed on the way, of a `.tar.gz` its one file is read; an empty file is
an error.
"""

import gzip
import json
import re
import tarfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from xstilts.errors import UserError

_OPENED, _COMMA, _CLOSED = (re.compile(rf"[ \t\n\r]*{mark}[ \t\n\r]*") for mark in (r"\[", ",", r"\]"))


@dataclass
class Row:
    """One raw row, before the task's declaration maps it to an example."""

    where: str
    """Place for messages: `path:line`, or the path and the row's own id."""
    fields: dict[str, Any]
    """Column (or the format's field) -> raw value."""
    word_lines: list[int] = field(default_factory=list)
    """Of a sentence with a line for each word: the numbers of these lines."""

    def where_of(self, word: int) -> str:
        """Place of one word of a sentence."""
        return f"{self.where.rpartition(':')[0]}:{self.word_lines[word]}" if self.word_lines else self.where


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if path.suffixes[-2:] == [".tar", ".gz"]:
        with tarfile.open(path, "r:gz") as archive:
            members = [member for member in archive if member.isfile()]
            if len(members) != 1:
                raise UserError(f"{path}: {len(members)} files in the archive, expected one")
            yield cast("IO[bytes]", archive.extractfile(members[0]))
        return
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        yield cast("IO[bytes]", file)


def _decode(data: bytes, where: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: byte {error.start + 1} of the line is not UTF-8; convert the file to UTF-8") from None
    if "\x00" in text:  # UTF-16 without a mark at its start
        raise UserError(
            f"{where}: byte {data.index(0) + 1} of the line is zero, so this is no text in UTF-8; convert the file to UTF-8"
        )
    return text


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file as (number from 1, text without its LF or CRLF).

    A byte order mark at the start is dropped. Raises UserError for an empty file, bytes that are not UTF-8, or a broken `.gz`.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, data in enumerate(file, start=1):  # noqa: B007
                text = _decode(data, f"{path}:{number}")
                if number == 1:
                    text = text.removeprefix("\ufeff")
                yield number, text.removesuffix("\n").removesuffix("\r")
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise UserError(f"{path}: broken gzip file after line {number} ({error}); fetch it again") from None
    if number == 0:
        raise UserError(f"{path}: the file is empty; fetch it again")


def json_object(text: str, where: str) -> dict[str, Any]:
    """`text` parsed as one JSON object; UserError otherwise."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: not JSON ({error.msg} at column {error.colno}); expected one object per line, or one array of objects"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: JSON that cannot be read ({error})") from None
    return _object(value, where)


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a file, each with its place: one in each line, blank lines skipped, or one JSON array of all of them."""
    first = next((line.lstrip(" \t\r\n") for _, line in lines(path) if line.strip()), "")
    if first.startswith("["):
        yield from _array(path)
        return
    for number, line in lines(path):
        if line.strip():
            yield f"{path}:{number}", json_object(line, f"{path}:{number}")


def _array(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    text = "\n".join(line for _, line in lines(path))
    line_ends = [match.start() for match in re.finditer("\n", text)]
    decode, opened, number = json.JSONDecoder().raw_decode, _OPENED.match(text), 0
    assert opened
    end = opened.end()
    while not (closed := _CLOSED.match(text, end)):
        number += 1
        comma = _COMMA.match(text, end)
        start = comma.end() if comma and number > 1 else end
        where = f"{path}:{bisect_left(line_ends, start) + 1}: element {number}"
        if number > 1 and not comma:
            raise UserError(f"{where}: not JSON (expected a comma before it, or ] at the end)")
        try:
            value, end = decode(text, start)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{error.lineno}: element {number}: not JSON ({error.msg} at column {error.colno})") from None
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: JSON that cannot be read ({error})") from None
        yield where, _object(value, where)
    if closed.end() < len(text):
        place = f"{path}:{bisect_left(line_ends, closed.end()) + 1}"
        raise UserError(f"{place}: not JSON (something follows the end of the array)")


def json_document(path: Path) -> dict[str, Any]:
    """A file that is one JSON object, on one line or many."""
    text = "\n".join(line for _, line in lines(path))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: JSON that cannot be read ({error})") from None
    return _object(value, str(path))


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where}: got {type(value).__name__}, expected a JSON object")
    return value
