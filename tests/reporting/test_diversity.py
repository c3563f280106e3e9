"""The diversity of the languages that intermediate choices are in."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.reporting import language_distances as module
from xstilts.reporting.analysis import analyse
from xstilts.reporting.diversity import diversity, diversity_slopes

Write = Any
RIGHT = {"qaa": 8, "qab": 7, "qac": 6, "qae": 5, "qaf": 3}


def test_it_is_the_mean_distance_of_two_languages(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    for task, languages in (("mnli", ["qaa"]), ("xnli", ["qaf", "qaa", "qab"])):
        write_made_up(intermediate=task, used={"languages": languages})
    found = diversity(analyse(tmp_path)).set_index(["intermediate", "kind"])
    assert set(found["languages"]) == {"qaa", "qaa qab qaf"}
    assert (found.loc["mnli", "diversity"] == 0).all()
    # Of ten features, qab differs from qaa in two, qaf in four others.
    assert found.loc[("xnli", "structural"), "diversity"] == pytest.approx((0.2 + 0.4 + 0.6) / 3)
    assert found.loc[("xnli", "lexical"), "diversity"] == pytest.approx((0.6 + 0.96 + 1 - 0.4 * 0.04) / 3)
    assert found.loc[("xnli", "script"), "diversity"] == 0


def test_choices_in_one_language_have_none(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", used={"languages": ["qaa"]})
    assert diversity(analyse(tmp_path)).empty


def test_of_real_languages_it_is_that_of_uriel(write_made_up: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def distances(languages: list[str], source: str) -> dict[str, dict[str, float]]:
        every = {"syntactic": {"en": 0.2, "sw": 0.6}, "genetic": {"en": 0.4}}
        return {kind: {code: known[code] for code in languages if code in known} for kind, known in every.items()}

    monkeypatch.setattr(module, "uriel_distances", distances)
    write_made_up()
    write_made_up(intermediate="xnli", used={"languages": ["sw", "en", "de"]})
    found = diversity(replace(analyse(tmp_path), synthetic=False)).set_index("kind")
    assert found.loc["syntactic", "diversity"] == pytest.approx((0.2 + 0.6 + 0.6) / 3)
    assert math.isnan(found.loc["genetic", "diversity"]), "which does not know all of them"


def test_gains_in_languages_that_phase_2_did_not_see_are_compared_by_set(write_made_up: Write, tmp_path: Path) -> None:
    """All languages gain as much as the set is diverse; languages of phase 2 itself gain much more, which must not count."""
    write_made_up()
    more = {"qaa": 0, "qab qac": 1, "qaf": 0, "qae qaf": 2}
    for languages, better in more.items():
        right = {code: count + better for code, count in RIGHT.items()} | dict.fromkeys(languages.split(), 10)
        write_made_up(intermediate="mnli", right=right, used={"languages": languages.split()})
    analysis = analyse(tmp_path)
    (one,) = (found for found in diversity_slopes(analysis, diversity(analysis)) if found.kind == "structural")
    assert (one.tasks, one.sets, one.targets, one.seeds) == ("mnli", 4, 1, 1) and one.line is not None
    assert dict(one.line.points) == pytest.approx({0.0: 0.0, 0.4: 10.0, 0.7: 20.0})


def test_other_tasks_and_single_choices_are_no_sample(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    for task, languages in (("mnli", ["qaa"]), ("xnli", ["qaf", "qaa", "qab"])):
        write_made_up(intermediate=task, used={"languages": languages})
    analysis = analyse(tmp_path)
    assert diversity_slopes(analysis, diversity(analysis)) == []
