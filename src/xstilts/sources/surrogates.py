"""Refuse texts that cannot be encoded as UTF-8: JSON escapes can contain half of a surrogate pair."""

from typing import Any

from xstilts.errors import UserError


def check_surrogates(value: Any, where: str) -> None:
    """Raise UserError if a text in the value, nested lists and objects included, has half of a surrogate pair."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_surrogates(key, where)
            if not (isinstance(item, str) and item.isascii()):  # most texts; the message costs more than the check
                check_surrogates(item, f"{where}: {key}")
    elif isinstance(value, list):
        for item in value:
            check_surrogates(item, where)
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half, start = value[error.start], max(0, error.start - 20)
            place = where.encode(errors="backslashreplace").decode()  # an id may have half a pair, too
            raise UserError(
                f"{place}: got half of a surrogate pair, {half!r}, after {value[start : error.start]!r}; expected both halves: "
                "write the whole character, or leave it out"
            ) from None
