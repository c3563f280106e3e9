"""Distances in studies that mix a synthetic world with tasks in other languages."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pandas import DataFrame

from xstilts.babel.declaration import Language
from xstilts.reporting import language_distances as module


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A study in a world of two languages, with results in German as well."""
    monkeypatch.setattr(module, "read_result", lambda path: {})
    monkeypatch.setattr(module, "world_languages", lambda result: {"qaa": Language(), "qab": Language()})
    provenance = DataFrame({"condition": [""], "cell": ["none.mine.seed1.0"]})
    return SimpleNamespace(synthetic=True, provenance=provenance, folder=Path())


def test_a_language_that_is_not_of_the_world_has_no_distance(mixed: Any) -> None:
    found = module.distances_to(mixed, "", "qaa", ["qab", "de"])
    assert found and all(set(by_language) == {"qab"} for by_language in found.values())
    assert module.distances_to(mixed, "", "en", ["qab", "de"]) == {}, "nor do any to a source language that is not"
