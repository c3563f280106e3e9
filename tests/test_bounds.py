"""Every number of the schema has bounds, and every value outside of its field's bounds or choices is found."""

import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from xstilts.babel.declaration import WorldConfig
from xstilts.bounds import KEY, Bounds, Choices, number, one_of, problems
from xstilts.config import Config
from xstilts.sources.readers import reader_names
from xstilts.tasks.declaration import Task


def parts(kind: Any) -> set[Any]:
    """All types that a hint names: of `dict[str, int | None]` str, int and None's, of a dict those of its values alone."""
    inner = get_args(kind)[1:] if getattr(kind, "__origin__", None) is dict else get_args(kind)
    return {kind} | {part for one in inner for part in parts(one)}


def schema(kind: Any = Config, place: str = "") -> Iterator[tuple[str, Any, Field[Any]]]:
    """Place, type and field of everything that a config can hold."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        name = f"{place}.{field.name}".lstrip(".")
        yield name, hints[field.name], field
        for part in parts(hints[field.name]):
            if is_dataclass(part):
                yield from schema(part, name)


NUMBERS = [(name, field) for name, kind, field in schema() if parts(kind) & {int, float}]


def test_the_walk_sees_the_schema():
    names = {name for name, _ in NUMBERS}
    assert {"seed", "recipe.tasks.epochs", "target.task.sources.expect.rows", "data.world.languages.text"} <= names
    assert len(names) > 150


@pytest.mark.parametrize(("name", "field"), NUMBERS, ids=[name for name, _ in NUMBERS])
def test_every_number_has_bounds_on_both_sides_or_says_why_not(name, field):
    bounds = field.metadata.get(KEY)
    assert isinstance(bounds, Bounds), f"{name}: declare it with `number(...)`"
    assert bounds.at_least is not None or bounds.above is not None
    counted_in_files = name.endswith((".expect.rows", ".expect.labels", ".generator.rows"))
    assert bounds.at_most is not None or bounds.below is not None or counted_in_files


def test_defaults_are_within_bounds_and_choices():
    for made in (Config(), Task(name="some", format="mlm"), WorldConfig()):
        if isinstance(made, Config):
            made.target.task, made.recipe.name = Task(name="some", format="mlm"), "some"
        assert list(problems("", made)) == []


@dataclass
class Inner:
    share: float = number(0.5, above=0, below=1)


@dataclass
class Outer:
    count: int | None = number(None, at_least=1, at_most=1_000_000)
    many: dict[str, int] = number(dict, at_least=0)
    kind: str | None = one_of(None, ("near", "far"))
    kinds: list[str] = one_of(list, ("near", "far"))
    names: list[str] = one_of(list, ("a", "b"))
    inner: Inner | None = None
    table: dict[str, Inner] | None = None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"count": 1, "many": {"a": 0}, "kind": "far", "kinds": ["far", "near"], "inner": Inner()}, []),
        ({"count": 0}, ["outer.count: got 0, expected 1 or more"]),
        ({"count": 1_000_001}, ["outer.count: got 1000001, expected 1,000,000 or less"]),
        ({"many": {"a": 0, "b": -1}}, ["outer.many.b: got -1, expected 0 or more"]),
        ({"kind": "fra"}, ["unknown outer.kind 'fra': did you mean far?"]),
        ({"kinds": ["near", "nea"]}, ["unknown outer.kinds 'nea': did you mean near?"]),
        ({"names": ["a", "b", "a"]}, ["outer.names: 'a' is there 2 times, expected once"]),
        ({"inner": Inner(0)}, ["outer.inner.share: got 0, expected more than 0"]),
        ({"inner": Inner(1)}, ["outer.inner.share: got 1, expected less than 1"]),
        ({"table": {"x": Inner(math.nan)}}, ["outer.table.x.share: got nan, expected a finite number"]),
        (
            {"table": {"x": Inner(math.inf), "y": Inner(2)}},
            ["outer.table.x.share: got inf, expected a finite number", "outer.table.y.share: got 2, expected less than 1"],
        ),
    ],
    ids=str,
)
def test_each_value_outside_is_one_line(values, expected):
    assert list(problems("outer", Outer(**values))) == expected


def test_choices_and_bounds_are_of_known_things():
    """A choice that names nothing would refuse everything."""
    for name, _, field in schema():
        allowed = field.metadata.get(KEY)
        assert not isinstance(allowed, Choices) or (allowed.valid and all(isinstance(text, str) for text in allowed.valid)), name
    assert len(reader_names()) > 10
