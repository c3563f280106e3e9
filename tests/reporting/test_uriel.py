"""Distances of real languages: with a stand-in for URIEL+, and with URIEL+ itself where it is installed."""

import importlib.util
import logging
import sys
from types import ModuleType

import pytest

from xstilts.errors import UserError
from xstilts.reporting.groups import language_facts
from xstilts.reporting.uriel import KINDS, iso_639_3, uriel_distances


def install(monkeypatch: pytest.MonkeyPatch, database: type) -> None:
    package, module = ModuleType("urielplus"), ModuleType("urielplus.urielplus")
    module.URIELPlus = database  # type: ignore[attr-defined]
    package.urielplus = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "urielplus", package)
    monkeypatch.setitem(sys.modules, "urielplus.urielplus", module)


def test_every_language_of_the_benchmarks_has_a_code() -> None:
    codes = iso_639_3()
    assert set(codes) == set(language_facts())
    assert all(len(code) == 3 for code in codes.values()) and len(set(codes.values())) == len(codes)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urielplus", None)
    with pytest.raises(UserError, match=r"pip install 'xstilts\[typology\]'"):
        uriel_distances(["en", "de"], "en")
    with pytest.raises(UserError, match="no ISO 639-3 code"):
        uriel_distances(["qaa"], "qaa")


def test_pairs_without_common_features_are_left_out_and_the_log_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # as in a program that never configured it
    level = root.level

    class Database:
        def __init__(self) -> None:
            logging.basicConfig(level=logging.INFO)
            root.info("copying")

        def new_distance(self, kind: str, first: str, second: str) -> float:
            root.info("calculated")
            if second == "est":
                raise ValueError("No shared features")
            return {"deu": 0.4, "zho": 0.7}[second]

    install(monkeypatch, Database)
    found = uriel_distances(["en", "de", "zh", "et", "qaa"], "en", ["syntactic"])
    assert found == {"syntactic": {"en": 0.0, "de": 0.4, "zh": 0.7}}
    assert (root.handlers, root.level, root.manager.disable) == ([], level, 0)
    assert capfd.readouterr() == ("", "")


def test_a_package_that_cannot_unpack_its_data_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Database:
        def __init__(self) -> None:
            raise PermissionError(13, "Permission denied", "database/features.npz")

    install(monkeypatch, Database)
    with pytest.raises(UserError, match="make its folder writable"):
        uriel_distances(["de"], "en")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("urielplus") is None, reason="URIEL+ is not installed: the extra `typology`")
def test_distances_of_uriel_itself() -> None:
    found = uriel_distances(["en", "de", "ja", "kk", "et"], "en")
    assert set(found) == set(KINDS)
    assert all(0.0 <= value <= 1.0 for of_kind in found.values() for value in of_kind.values())
    for kind in ("syntactic", "genetic", "geographic"):
        assert found[kind]["en"] == 0.0 < found[kind]["de"] < found[kind]["ja"]
    assert "et" not in found["phonological"], "URIEL does not know Estonian's phonology"
