"""The name of an artifact: a hash of everything that determines it, and of nothing else.

Canonical JSON: keys sorted, no white space, UTF-8, and a float without a fractional part written as an integer, because
YAML users mean the same by `1` and `1.0`. Two rules keep old fingerprints valid: what does not change the result is never
put in, and a field that has its default is left out, so that a new field costs nothing. Hence a changed *default* is a
changed meaning under an old name: raise the version that the caller puts into the identity.
"""

import dataclasses
import hashlib
import json
import math
from typing import Any

LENGTH = 20
"""Hex digits: 80 bits, no collision among billions of artifacts."""


def fingerprint(identity: dict[str, Any]) -> str:
    """The first 20 hex digits of the SHA-256 of `identity` as canonical JSON.

    `identity` may hold None, bool, int, float, str, and lists and dicts (with str keys) of them: TypeError for anything
    else, also for subclasses, whose JSON may differ between versions of a library. ValueError for NaN and infinity.
    """
    if type(identity) is not dict:
        raise TypeError(f"an identity must be a dict, got {type(identity).__name__}")
    return hashlib.sha256(canonical(identity)).hexdigest()[:LENGTH]


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON."""
    plain = _checked(value, "identity")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _checked(value: Any, where: str) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}: expected a finite number")
        return int(value) if value.is_integer() else value
    if type(value) is list:
        return [_checked(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"{where} has the key {key!r} of type {type(key).__name__}: expected str")
        return {key: _checked(item, f"{where}.{key}") for key, item in value.items()}
    raise TypeError(f"{where} is of type {type(value).__name__}: expected None, bool, int, float, str, list or dict")


def without_defaults(instance: Any) -> dict[str, Any]:
    """A dataclass instance as nested dicts, without the fields that equal their default; tuples become lists.

    A nested dataclass that differs from its default is kept, with only its own fields that differ from *their* defaults.
    TypeError if `instance` is no dataclass instance.
    """
    if not dataclasses.is_dataclass(instance) or isinstance(instance, type):
        raise TypeError(f"expected an instance of a dataclass, got {instance!r}")
    kept = {}
    for field in dataclasses.fields(instance):
        value = _plain(getattr(instance, field.name))
        if field.default is not dataclasses.MISSING:
            default = _plain(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            default = _plain(field.default_factory())
        else:
            kept[field.name] = value
            continue
        if canonical(value) != canonical(default):  # and not `==`, by which True is 1
            kept[field.name] = value
    return kept


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return without_defaults(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
