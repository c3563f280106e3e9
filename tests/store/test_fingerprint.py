import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xstilts.store.fingerprint import canonical, fingerprint, without_defaults

text = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8)
identities = st.dictionaries(text, values, max_size=4)


def test_a_known_value_never_changes() -> None:
    assert canonical({"b": [1, 2.0, 2.5, None], "a": {"ü": True}}) == '{"a":{"ü":true},"b":[1,2,2.5,null]}'.encode()
    assert fingerprint({"b": [1, 2.0, 2.5, None], "a": {"ü": True}}) == "a2fffa5802baa9a83e3b"


@given(identities)
def test_the_form_is_20_hex_digits_and_the_order_of_keys_is_nothing(identity: dict[str, Any]) -> None:
    name = fingerprint(identity)
    assert len(name) == 20 and set(name) <= set("0123456789abcdef")
    assert fingerprint(dict(reversed(identity.items()))) == name


@given(values)
def test_canonical_json_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value)) == value


@given(values, values)
def test_other_values_have_other_fingerprints(one: Any, other: Any) -> None:
    assume(json.dumps(_integral(one), sort_keys=True) != json.dumps(_integral(other), sort_keys=True))
    assert fingerprint({"value": one}) != fingerprint({"value": other})


def _integral(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_integral(item) for item in value]
    return {key: _integral(item) for key, item in value.items()} if isinstance(value, dict) else value


@given(st.integers(-(2**53), 2**53))
def test_an_integral_float_is_an_integer(number: int) -> None:
    assert fingerprint({"epochs": number}) == fingerprint({"epochs": float(number)})


def test_what_only_looks_alike_differs() -> None:
    alike = [1, True, "1", [1], None, "", [], {}, 0, False, "null", 1.5, "1.5"]
    assert len({fingerprint({"value": value}) for value in alike}) == len(alike)


def test_negative_zero_is_zero() -> None:
    assert fingerprint({"x": -0.0}) == fingerprint({"x": 0})


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_json_cannot_write_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match=rf"^identity\.recipe\[1\]\.learning_rate is {number}: expected a finite number$"):
        fingerprint({"recipe": [0, {"learning_rate": float(number)}]})


class Text(str):
    pass


@pytest.mark.parametrize("value", [(1, 2), {1}, b"x", 1j, Text("a"), object])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^identity\.a is of type {type(value).__name__}: expected None, bool, int"):
        fingerprint({"a": value})


def test_other_keys_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^identity\.a has the key 1 of type int: expected str$"):
        fingerprint({"a": {1: 2}})
    with pytest.raises(TypeError, match="^an identity must be a dict, got list$"):
        fingerprint([])  # type: ignore[arg-type]


@dataclass
class Inner:
    width: int = 1
    names: list[str] = field(default_factory=list)


@dataclass
class Outer:
    required: str
    rate: float = 1e-5
    flag: int = 1
    inner: Inner = field(default_factory=lambda: Inner(width=2))
    several: dict[str, Inner] = field(default_factory=dict)
    pair: tuple[int, ...] = ()


def test_fields_with_their_default_are_left_out() -> None:
    assert without_defaults(Outer("x")) == {"required": "x"}
    assert without_defaults(Outer("x", rate=0.00001, flag=1.0, inner=Inner(2))) == {"required": "x"}  # type: ignore[arg-type]


def test_what_differs_is_kept_at_every_depth() -> None:
    outer = Outer("x", rate=2e-5, inner=Inner(3, ["a"]), several={"one": Inner(), "two": Inner(5)}, pair=(1, 2))
    assert without_defaults(outer) == {
        "required": "x",
        "rate": 2e-5,
        "inner": {"width": 3, "names": ["a"]},
        "several": {"one": {}, "two": {"width": 5}},
        "pair": [1, 2],
    }


def test_a_nested_default_that_is_not_the_outer_default_is_kept() -> None:
    assert without_defaults(Outer("x", inner=Inner(1))) == {"required": "x", "inner": {}}


def test_true_is_not_the_default_one() -> None:
    assert without_defaults(Outer("x", flag=True)) == {"required": "x", "flag": True}


def test_a_new_field_with_its_default_changes_no_old_fingerprint() -> None:
    new_inner = dataclasses.make_dataclass("NewInner", [("depth", int, 7)], bases=(Inner,))
    new_outer = dataclasses.make_dataclass("NewOuter", [("momentum", float | None, None)], bases=(Outer,))
    for inner in ({}, {"width": 9}, {"names": ["a"]}):
        for changes in ({}, {"rate": 0.5}, {"flag": 0}):
            old = Outer("x", several={"one": Inner(**inner)}, **changes)
            new = new_outer("x", several={"one": new_inner(**inner)}, **changes)
            assert fingerprint(without_defaults(new)) == fingerprint(without_defaults(old))
    changed = new_outer("x", momentum=0.9)
    assert fingerprint(without_defaults(changed)) != fingerprint(without_defaults(Outer("x")))


outers = st.builds(
    Outer,
    required=st.text("ab", max_size=1),
    rate=st.sampled_from([1e-5, 0.5]),
    flag=st.integers(0, 2),
    inner=st.builds(Inner, width=st.integers(0, 3), names=st.lists(st.sampled_from("ab"), max_size=1)),
)


@given(outers, outers)
def test_equal_instances_and_only_they_have_equal_dicts(this: Outer, that: Outer) -> None:
    assert (without_defaults(this) == without_defaults(that)) == (this == that)


@pytest.mark.parametrize("value", [Outer, {"a": 1}, None])
def test_only_instances_of_dataclasses(value: Any) -> None:
    with pytest.raises(TypeError, match="^expected an instance of a dataclass, got"):
        without_defaults(value)
