"""Fingerprints: the name of an artifact is a hash of everything that determines it, and of nothing else.

The hash is over canonical JSON: sorted keys, no white space, UTF-8, and floats without a fractional part as integers, because
`1` and `1.0` mean the same in YAML. Two rules keep old fingerprints valid: values that do not change the result are left out, and
so are fields that have their default, so that a new field changes no fingerprint. If a *default* changes, increase the version
that the caller puts into the identity.
"""

import dataclasses
import hashlib
import json
import math
from typing import Any

LENGTH = 20
"""Hex digits: 80 bits, no collision among billions of artifacts."""


def fingerprint(identity: dict[str, Any]) -> str:
    """Return the first 20 hex digits of the SHA-256 of `identity` as canonical JSON.

    `identity` may hold None, bool, int, float, str, and lists and dicts (with str keys) of them. Raises TypeError for anything
    else, including subclasses, whose JSON may differ between versions of a library, and ValueError for NaN and infinity.
    """
    if type(identity) is not dict:
        raise TypeError(f"an identity must be a dict, got {type(identity).__name__}")
    return hashlib.sha256(canonical(identity)).hexdigest()[:LENGTH]


def canonical(value: Any) -> bytes:
    """Return `value` as canonical JSON in UTF-8."""
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
    """Return a dataclass instance as nested dicts, without the fields that equal their default; tuples become lists.

    A nested dataclass that differs from its default is kept, but only with the fields that differ from *their* defaults.
    Raises TypeError if `instance` is not a dataclass instance.
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
        if canonical(value) != canonical(default):  # `==` would treat True and 1 as equal
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
