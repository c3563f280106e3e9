"""Write files atomically (temporary name, fsync, rename), read JSON files strictly, and recognise a full disk."""

import contextlib
import errno
import glob
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError, causes

ABANDONED = 3600.0
"""Seconds after which a temporary file counts as left behind by a process that died."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NUMBER = re.compile(r"\((?:os error|error code:?) (\d+)\)")
"""The number of an error in messages of Rust and C++ libraries."""
_WORDS = {
    **{os.strerror(number): number for number in _FULL},
    "database or disk is full": errno.ENOSPC,  # SQLite
}
_CUT = re.compile(r"\d+ requested and \d+ written|unexpected pos \d+ vs \d+")
"""Messages of NumPy and torch about a failed write, which do not give the reason."""


def temporary_name(final: Path, purpose: str) -> Path:
    """Return a new hidden name in `final`'s folder, `.<name>.<purpose>-<random>`, from which a rename to `final` is atomic."""
    return final.with_name(f".{final.name}.{purpose}-{secrets.token_hex(6)}")


def sync_folder(folder: Path) -> None:
    """Sync the directory entries of `folder` to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_write(final: Path) -> Iterator[Path]:
    """Yield a temporary path to write; rename it to `final` after fsync if the body succeeds, and remove it otherwise.

    Creates the folder. If several processes write, the last one wins, and readers always see a whole file. Temporary files older
    than `ABANDONED` are removed; younger ones may still be in use, since there is no lock.
    """
    temporary = temporary_name(final, "tmp")
    try:
        with disk_full_as_user_error(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            for leftover in final.parent.glob(f".{glob.escape(final.name)}.tmp-*"):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - leftover.stat().st_mtime > ABANDONED:
                        leftover.unlink()
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(final)
            sync_folder(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


def encode_json(value: Any) -> bytes:
    """Return `value` as indented JSON. Raises ValueError for NaN and infinity, which JSON lacks; write null instead."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def write_json(final: Path, value: Any) -> None:
    """Write `value` atomically as indented JSON."""
    data = encode_json(value)
    with atomic_write(final) as temporary:
        temporary.write_bytes(data)


_JSON_NAMES = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def read_json_object(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Return the JSON object in a file. Raises UserError, which names `what` was expected and the `remedy`, if it is broken."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            got = "a folder" if path.is_dir() else "a device or pipe"
            raise UserError(f"{path} is no {what}: expected a file, got {got}; {remedy}")
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"no {what} at {path}: {remedy}") from None
    except OSError as error:
        raise UserError(f"{path}, the {what}, cannot be read: {error.strerror or error}") from None
    except UserError:
        raise
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError; nested too deep
        raise UserError(f"{path} is no {what}: broken JSON ({error}); {remedy}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is no {what}: expected a JSON object, got {_JSON_NAMES[type(value)]}; {remedy}")
    return value


@contextlib.contextmanager
def disk_full_as_user_error(final: Path) -> Iterator[None]:
    """Turn "no space", "quota exceeded" and "file too large" in the body into a UserError that names `final`."""
    try:
        yield
    except Exception as error:
        reason = disk_full(error)
        if reason is None:
            raise
        raise UserError(
            f"disk full ({reason}) while writing {final}: nothing half-written is left; free space or choose another disk "
            f"(store.root=FOLDER, output=FOLDER) and run the same command again"
        ) from error


def disk_full(error: BaseException | None) -> str | None:
    """Return the system's text for a full disk if `error`, or an error that caused it, reports that; otherwise None."""
    for cause in causes(error):
        if isinstance(cause, UserError):
            return None
        if (number := _number(cause)) in _FULL and number is not None:
            return os.strerror(number)
    return None


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    text = str(error)
    if match := _NUMBER.search(text):
        return int(match.group(1))
    if isinstance(error, OSError | RuntimeError) and _CUT.search(text):
        return errno.ENOSPC
    return next((number for words, number in _WORDS.items() if words in text), None)
