"""Read raw text and JSON files strictly, for all readers.

Text that is not UTF-8 is an error that names file and line. Only LF and CRLF end a line: a cell of PAWS-X contains U+001C, at
which `str.splitlines` would break. `.gz` files and `.tar.gz` archives with a single file are decompressed. An empty file is an
error.
"""

import gzip
import json
import re
import tarfile
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from xstilts.errors import LONGEST, UserError, tell
from xstilts.numbering import counted

_OTHER_FORMS = {
    b"\x1f\x8b": "a gzip file: give its name the ending .gz",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"PAR1": "a Parquet file: set the source's reader to parquet",
    b"version https://git-lfs.github.com/spec/": "a pointer of Git LFS, not the file: run `git lfs pull` where it comes from",
    b"<!doctype html": "a web page, not data: fetch the file again",
    b"<html": "a web page, not data: fetch the file again",
}
"""First bytes of a file (in lower case for web pages) -> its form and what to do."""
_OPENED, _COMMA, _CLOSED = (re.compile(rf"[ \t\n\r]*{mark}[ \t\n\r]*") for mark in (r"\[", ",", r"\]"))


@dataclass
class RawExample:
    """A raw row, before the task's declaration maps it to an example."""

    where: str
    """Place for messages: `path:line`, or the path and the row's id."""
    fields: dict[str, Any]
    """Column (or the format's field) -> raw value."""
    word_lines: list[int] = field(default_factory=list)
    """The line numbers of the words of a sentence, if each word has a line."""

    def where_of(self, word: int) -> str:
        """Return the place of a word of a sentence."""
        return f"{self.where.rpartition(':')[0]}:{self.word_lines[word]}" if self.word_lines else self.where


def excerpt(line: str) -> str:
    """Return a line for a message, in quotes and shortened."""
    return repr(line if len(line) <= LONGEST else line[:LONGEST] + "...")


def readable(rows: Iterable[RawExample | UserError], problems: list[str] | None = None) -> Iterator[RawExample]:
    """Yield the rows of a reader. A line that it could not read is raised, or with a list `problems` added to it."""
    for row in rows:
        if isinstance(row, UserError):
            tell(str(row), problems)
        else:
            yield row


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if path.suffixes[-2:] == [".tar", ".gz"]:
        with tarfile.open(path, "r:gz") as archive:
            members = [member for member in archive if member.isfile()]
            if len(members) != 1:
                raise UserError(f"{path}: {counted(len(members), 'file')} in the archive, expected one")
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


def _check_start(path: Path, data: bytes) -> None:
    """Raise UserError if a file's first line shows that it is not plain text or has unknown line ends."""
    for start, form in _OTHER_FORMS.items():
        if data.startswith(start) or data[:50].lower().startswith(start):
            raise UserError(f"{path}: is {form}")
    if not data.endswith(b"\n") and b"\r" in data.rstrip(b"\r"):
        raise UserError(f"{path}: its lines end in CR alone, expected LF or CRLF; convert the line ends")


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file as (number from 1, text without its LF or CRLF).

    A byte order mark at the start is dropped. Raises UserError for an empty file, bytes that are not UTF-8, a broken `.gz`, or
    a file of another form than text.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, data in enumerate(file, start=1):
                if number == 1:
                    _check_start(path, data)
                text = _decode(data, f"{path}:{number}")
                if number == 1:
                    text = text.removeprefix("\ufeff")
                yield number, text.removesuffix("\n").removesuffix("\r")
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise UserError(f"{path}: broken gzip file after line {number} ({error}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if number == 0:
        raise UserError(f"{path}: the file is empty; fetch it again")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError if a key occurs twice, of which Python would keep the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has the key '{next(name for name in names if names.count(name) > 1)}' twice")
    return made


def json_object(text: str, where: str) -> dict[str, Any]:
    """Parse `text` as one JSON object. Raises UserError for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=_object_of)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: not JSON ({error.msg} at column {error.colno}); expected one object per line, or one array of objects"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: JSON that cannot be read ({error})") from None
    return _object(value, where)


def json_objects(path: Path) -> Iterator[RawExample | UserError]:
    """Yield the objects of a file as rows: one per line, blank lines skipped, or one JSON array of all of them.

    A UserError stands for a line or an element that is no object. UserError is raised for an array that is broken, because its
    rest cannot be read, and for a file that is one object.
    """
    first = next((line.lstrip(" \t\r\n") for _, line in lines(path) if line.strip()), "")
    if first.startswith("["):
        yield from _array(path)
        return
    if first.startswith("{") and (message := _single_object(path)):
        raise UserError(f"{path}: {message}; expected one object per line, or one array of objects")
    for number, line in lines(path):
        if line.strip():
            try:
                yield RawExample(f"{path}:{number}", json_object(line, f"{path}:{number}"))
            except UserError as error:
                yield error


def _single_object(path: Path) -> str | None:
    """Return the problem of a file that is one JSON object around all rows, or one row over several lines; else None."""
    filled = [line for _, line in islice(((number, line) for number, line in lines(path) if line.strip()), 2)]
    if len(filled) == 2 and _is_object(filled[0]):
        return None
    try:
        document = json_document(path)
    except UserError:
        return None  # shown with its line elsewhere
    lists = [name for name, value in document.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if "data" in lists:
        if "paragraphs" in document["data"][0]:
            return "is SQuAD's JSON, one object in the whole file: set the source's reader to squad"
        return "is one object that holds the rows as 'data': write the list of 'data' alone into the file"
    return "is one object over several lines" if len(filled) == 2 else None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _array(path: Path) -> Iterator[RawExample | UserError]:
    text = "\n".join(line for _, line in lines(path))
    line_ends = [match.start() for match in re.finditer("\n", text)]
    decode, opened, number = json.JSONDecoder(object_pairs_hook=_object_of).raw_decode, _OPENED.match(text), 0
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
        try:
            yield RawExample(where, _object(value, where))
        except UserError as error:
            yield error
    if closed.end() < len(text):
        place = f"{path}:{bisect_left(line_ends, closed.end()) + 1}"
        raise UserError(f"{place}: not JSON (something follows the end of the array)")


def json_document(path: Path) -> dict[str, Any]:
    """Read a file that is one JSON object, on one line or many."""
    text = "\n".join(line for _, line in lines(path))
    try:
        value = json.loads(text, object_pairs_hook=_object_of)
    except json.JSONDecodeError as error:
        message = "; expected one object in the whole file" if error.msg == "Extra data" else ""
        raise UserError(f"{path}:{error.lineno}: not JSON ({error.msg} at column {error.colno}){message}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: JSON that cannot be read ({error})") from None
    rows = (
        "; rows of their own are for the readers jsonl, examples, or squad_rows of questions" if isinstance(value, list) else ""
    )
    return _object(value, str(path), rows)


def _object(value: Any, where: str, hint: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where}: got {type(value).__name__}, expected a JSON object{hint}")
    return value
