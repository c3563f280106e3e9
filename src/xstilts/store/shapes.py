"""Schemas for JSON values, composed from small checks. A problem names the place, the value and what was expected.

A shape is a function (value, place) -> problems. Each function below checks a value or builds a shape.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

LONGEST = 40
"""Characters of a value that a message shows."""
LONGEST_LINE = 300
"""Characters of a problem that are shown: names in a damaged file may be of any length."""
Shape = Callable[[Any, str], Iterator[str]]
"""Value and its place -> its problems."""


def text(value: Any, place: str) -> Iterator[str]:
    """Check for a text that can be written as UTF-8."""
    if not isinstance(value, str):
        yield _problem(value, place, "a text")
    elif re.search("[\ud800-\udfff]", value):
        yield f"{place} has half of a surrogate pair, which is no character"


def count(value: Any, place: str) -> Iterator[str]:
    """Check for a whole number from 0 on that fits into 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        yield _problem(value, place, "a whole number from 0 on")


def number(value: Any, place: str) -> Iterator[str]:
    """Check for a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        yield _problem(value, place, "a finite number")


def flag(value: Any, place: str) -> Iterator[str]:
    """Check for true or false."""
    if not isinstance(value, bool):
        yield _problem(value, place, "true or false")


def matching(pattern: str, what: str) -> Shape:
    """Return the shape of a text that matches a regular expression; `what` describes it in messages."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            yield _problem(value, place, what)

    return check


def one_of(*values: str) -> Shape:
    """Return the shape of a text out of `values`."""

    def check(value: Any, place: str) -> Iterator[str]:
        if value not in values:
            yield _problem(value, place, f"one of {', '.join(values)}")

    return check


def optional(shape: Shape) -> Shape:
    """Return the shape of null or a value of `shape`."""
    return lambda value, place: iter(()) if value is None else shape(value, place)


def listed(shape: Shape, empty: bool = True) -> Shape:
    """Return the shape of a list of values of `shape`; `empty` says whether it may be empty."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _problem(value, place, "a list")
            return
        if not value and not empty:
            yield f"{place} is empty"
        for position, item in enumerate(value):
            yield from shape(item, f"{place}[{position}]")

    return check


def named(shape: Shape, empty: bool = True) -> Shape:
    """Return the shape of an object with any keys and values of `shape`; `empty` says whether it may be empty."""

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _problem(value, place, "an object")
            return
        if not value and not empty:
            yield f"{place} is empty"
        for key, item in value.items():
            yield from text(key, f"a key of {place}")
            yield from shape(item, f"{place}.{key}")

    return check


def keyed(required: Mapping[str, Shape], further: Mapping[str, Shape] | None = None, closed: bool = False) -> Shape:
    """Return the shape of an object with `required` and optional `further` keys; `closed` refuses all other keys."""
    known = {**required, **(further or {})}

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _problem(value, place, "an object")
            return
        at = f"{place}." if place else ""
        yield from (f"{at}{key} is missing" for key in required if key not in value)
        yield from (f"{at}{key} is unknown" for key in value if closed and key not in known)
        for key, shape in known.items():
            if key in value:
                yield from shape(value[key], f"{at}{key}")

    return check


def summary(problems: list[str]) -> str:
    """Return the first of some problems in one line, and how many more there are."""
    first = " ".join(problems[0].split())
    shown = first if len(first) <= LONGEST_LINE else f"{first[:LONGEST_LINE]}..."
    return shown + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def _problem(value: Any, place: str, expected: str) -> str:
    if isinstance(value, dict | list):
        shown = "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    else:
        shown = json.dumps(value)
    return f"{place or 'the file'} is {shown if len(shown) <= LONGEST else shown[:LONGEST] + '...'}, expected {expected}"
