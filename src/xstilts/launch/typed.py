"""Values as they are written, in YAML or behind an option, held against the schema before OmegaConf converts them.

OmegaConf makes the text "False" of `no` where text is meant; here it is still a boolean, and refused. Values are YAML nodes: an
override's value is turned into one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml
from hydra.core.override_parser.types import QuotedString, Sweep

from xstilts.bounds import WRITTEN
from xstilts.errors import unknown_name
from xstilts.tasks.declaration import Task

_TAG = "tag:yaml.org,2002:"
_NUMBER_AS_TYPED = "!number"
"""Tag of a whole number of an override whose digits stand in the override: as a text it is the same."""
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
"""A number for OmegaConf, and not for YAML 1.1."""
_TRUE_OR_FALSE = {"true", "false"}
_BOOLEANS = {*"true false yes no on off y n t f 1 0".split()}
_NAMES = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
_ARE = {"bool": "a boolean", "int": "a number", "float": "a number", "null": "nothing", "sweep": "a choice"}


@dataclass(frozen=True)
class Problem:
    """One value that does not fit."""

    place: str
    """Names of options, joined by dots."""
    text: str
    line: int | None = None
    """Line of the file, from 1."""


def problems(node: yaml.Node, kind: Any, place: str = "") -> Iterator[Problem]:
    """Each value in `node` that the schema's type `kind` does not take, as it is written."""
    yield from _problems(node, kind, place, set())


def node_of(value: Any, written: str) -> yaml.Node:
    """An override's value as a node. `written`: the override, in which a number that stands as a text would is one."""
    if isinstance(value, list):
        return yaml.SequenceNode(_TAG + "seq", [node_of(item, written) for item in value])
    if isinstance(value, dict):
        pairs = [(node_of(key, written), node_of(item, written)) for key, item in value.items()]
        return yaml.MappingNode(_TAG + "map", pairs)
    if isinstance(value, QuotedString):
        return yaml.ScalarNode(_TAG + "str", value.text, style="'")
    if isinstance(value, Sweep):
        return yaml.ScalarNode(_TAG + "sweep", "several values")
    names = {bool: "bool", int: "int", float: "float", type(None): "null"}
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    node = yaml.ScalarNode(_TAG + names.get(type(value), "str"), text)
    if type(value) is int and re.search(rf"(?<![\w.+-]){re.escape(text)}(?![\w.])", written):
        node.tag = _NUMBER_AS_TYPED
    return node


def parts_of(kind: Any) -> tuple[Any, bool]:
    """The type without None, and whether None is allowed."""
    if get_origin(kind) in (Union, UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return (rest[0] if len(rest) == 1 else kind), len(rest) < len(get_args(kind))
    return kind, False


def hints_of(kind: Any) -> dict[str, Any]:
    """Option -> type of a part of the schema, as a user writes it."""
    hints = get_type_hints(kind)
    return {field.name: field.metadata.get(WRITTEN, hints[field.name]) for field in fields(kind)}


def _problems(node: yaml.Node, kind: Any, place: str, seen: set[tuple[int, str]]) -> Iterator[Problem]:
    kind, optional = parts_of(kind)
    if (id(node), str(kind)) in seen:  # an alias: shown once
        return
    seen.add((id(node), str(kind)))
    line = node.start_mark.line + 1 if node.start_mark else None
    name = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.ScalarNode) and name == "str" and ("${" in node.value or node.value == "???"):
        return
    if name == "null" and (optional or kind is Any):
        return
    if get_origin(kind) in (Union, UnionType):
        yield from _problems(node, _fitting(node, get_args(kind)), place, seen)
    elif is_dataclass(kind):
        yield from _of_dataclass(node, kind, place, line, seen)
    elif get_origin(kind) is dict:
        yield from _of_dict(node, get_args(kind), place, line, seen)
    elif get_origin(kind) is list:
        if not isinstance(node, yaml.SequenceNode):
            yield Problem(place, f"got {_shown(node)}, expected a list in brackets, such as [first, second]", line)
            return
        for item in node.value:
            yield from _problems(item, get_args(kind)[0], place, seen)
    elif kind is Any:
        yield from _of_any(node, place, seen)
    elif not isinstance(node, yaml.ScalarNode):
        yield Problem(place, f"got {_shown(node)}, expected {_NAMES.get(kind, 'one value')}", line)
    elif text := _of_scalar(node, name, kind):
        yield Problem(place, text, line)


def _fitting(node: yaml.Node, kinds: tuple[Any, ...]) -> Any:
    """The type of several that a node may be meant as."""
    shape = list if isinstance(node, yaml.SequenceNode) else dict if isinstance(node, yaml.MappingNode) else None
    same = [kind for kind in kinds if get_origin(kind) is shape] or [kinds[0]]
    whole = isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "int" and int in kinds
    return int if whole else same[0]


def _of_scalar(node: yaml.ScalarNode, name: str, kind: Any) -> str:
    """Return why a scalar is not of the type; empty if it is."""
    text, expected = node.value, _NAMES.get(kind, "a value")
    if kind is str:
        if name == "str" and node.style is None and _EXPONENT.fullmatch(text):
            name = "float"
        if name in ("str", "timestamp") or node.tag == _NUMBER_AS_TYPED:  # OmegaConf reads a date as a text
            return ""
        if not text:
            return "got nothing, expected a text"
        return f'got {text}, which is {_ARE.get(name, name)}, expected a text; quote it: "{text}"'
    if kind is bool:
        right = name == "bool" or (name in ("str", "int") and text.lower() in _BOOLEANS)
        return "" if right else f"got '{text}', expected {expected}"
    if name in ("bool", "null"):
        return f"got {text or 'nothing'}, expected {expected}"
    digits = text.replace("_", "").lstrip("+")
    try:
        if kind is int:
            int(digits, 0 if name in ("int", _NUMBER_AS_TYPED) else 10)
        elif kind is float:
            float(digits.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return f"got '{text}', expected {expected}"
    return ""


def _of_any(node: yaml.Node, place: str, seen: set[tuple[int, str]]) -> Iterator[Problem]:
    """Return whether, where anything is allowed, a boolean that is written as a word may be meant as the word."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _TAG + "bool" and node.value.lower() not in _TRUE_OR_FALSE:
            line = node.start_mark.line + 1 if node.start_mark else None
            yield Problem(place, f'got {node.value}, which is a boolean; quote it: "{node.value}", or write true or false', line)
        return
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            yield from _problems(part, Any, place, seen)


def _of_dict(
    node: yaml.Node, kinds: tuple[Any, Any], place: str, line: int | None, seen: set[tuple[int, str]]
) -> Iterator[Problem]:
    if not isinstance(node, yaml.MappingNode):
        yield Problem(place, f"got {_shown(node)}, expected names with values, such as name: value", line)
        return
    for key, value in _entries(node):
        yield from _problems(key, kinds[0], place, seen)
        yield from _problems(value, kinds[1], f"{place}.{key.value}".lstrip("."), seen)


def _of_dataclass(node: yaml.Node, kind: Any, place: str, line: int | None, seen: set[tuple[int, str]]) -> Iterator[Problem]:
    hints = hints_of(kind)
    if not isinstance(node, yaml.MappingNode):
        yield Problem(place, f"got {_shown(node)}, expected options such as {next(iter(hints))}: ...", line)
        return
    for key, value in _entries(node):
        if key.value not in hints:
            what = "key of a task" if kind is Task else f"key of {place}" if place else "key"
            yield Problem("", unknown_name(what, str(key.value), hints), key.start_mark.line + 1 if key.start_mark else None)
        else:
            yield from _problems(value, hints[key.value], f"{place}.{key.value}".lstrip("."), seen)


def _entries(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Keys and values, those of merged mappings (`<<`) among them."""
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(merged, yaml.MappingNode):
                    yield from _entries(merged)
        else:
            yield key, value


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value) or "nothing"
    return "a list" if isinstance(node, yaml.SequenceNode) else "names with values"
