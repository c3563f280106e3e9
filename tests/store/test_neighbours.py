"""The stored artifact that is nearest to a missing artifact, and their differences."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.paths import DONE, METADATA
from xstilts.store.neighbours import Neighbour, differences, identities, nearest

ASKED: dict[str, Any] = {"seed": 1, "hyperparameters": {"learning_rate": 2e-5, "epochs": 3}, "data": {"train/en/data": "f" * 64}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def but(**changed: Any) -> dict[str, Any]:
    return json.loads(json.dumps(ASKED)) | changed


def test_the_option_that_differs_is_named() -> None:
    other = but(hyperparameters={"learning_rate": 1e-5, "epochs": 3})
    near = nearest({"abc": ("phase 2: mnli", other)}, "phase 2: mnli", ASKED)
    assert near == Neighbour("abc", ["hyperparameters.learning_rate: got 1e-05, asked for 2e-05"])


def test_of_several_the_nearest() -> None:
    known = {
        "far": ("a", but(hyperparameters={"learning_rate": 1e-5}, data={})),
        "near": ("a", but(hyperparameters={"learning_rate": 2e-5})),
    }
    near = nearest(known, "a", ASKED)
    assert near and near.fingerprint == "near" and near.differences == ["hyperparameters.epochs: got the default, asked for 3"]


@pytest.mark.parametrize(
    ("label", "identity"),
    [("b", ASKED), ("a", but(seed=2)), ("a", ASKED), ("a", but(one=1, two=2, three=3, four=4))],
    ids=["another label", "another seed", "the same", "too many differences"],
)
def test_what_is_no_neighbour(label: str, identity: dict[str, Any]) -> None:
    assert nearest({"abc": (label, identity)}, "a", ASKED) is None


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(differences(value, json.loads(json.dumps(value)))) == []


@given(JSON, JSON)
def test_two_values_differ_unless_equal_but_for_nulls(one: Any, other: Any) -> None:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept for key, inner in value.items() if (kept := bare(inner)) is not None} or None
        return value

    if bare(one) != bare(other):
        assert list(differences(one, other))


def test_only_whole_artifacts_are_known(tmp_path: Path) -> None:
    for name, files in {"whole": (METADATA, DONE), "unfinished": (METADATA,), ".hidden": (METADATA, DONE)}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(json.dumps({"label": "a", "identity": {"seed": 1}}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / DONE).write_text("{}")
    assert identities(tmp_path) == {"whole": ("a", {"seed": 1})}
    assert identities(tmp_path / "absent") == {}
