"""Optional parts of reports: the studies that have them, and their content."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import UserError
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.extras import Extra, Extras, extras

Write = Any


def real(analysis: Analysis, codes: str = "en de fr sw ja") -> Analysis:
    """Return the study with real languages instead of synthetic ones."""
    known = dict(zip(("qaa", "qab", "qac", "qae", "qaf"), codes.split(), strict=True))
    return dataclasses.replace(
        analysis, synthetic=False, source="en", scores=analysis.scores.assign(language=analysis.scores["language"].map(known))
    )


def test_curves_and_regressions_with_their_pictures_and_what_is_to_be_seen(analysis: Analysis) -> None:
    found = extras(analysis)
    assert found.sizes.table and found.distances.table and found.published == Extra()
    assert [picture.name for picture in found.sizes.pictures] == ["scaling_1_xnli"]
    told = found.sizes.pictures[0].description
    assert told.startswith("xnli, squad_v1. all languages: from ")
    assert "with 10 examples to " in told and "with 400, 58.0 without intermediate task; source language: " in told
    assert [picture.name for picture in found.distances.pictures] == ["typology_xnli_score", "typology_xnli_gain"]
    of_score = found.distances.pictures[0].description
    assert "structural: -" in of_score and " percent points per 0.1, 95 % interval -" in of_score
    assert [part.left_out for part in found.parts] == [""] * 5
    picture = found.sizes.pictures[0]
    assert picture.svg is picture.svg and picture.svg.startswith(b"<?xml"), "drawn once"


@pytest.mark.slow
def test_sets_of_languages_have_a_regression_on_their_diversity_or_a_reason_why_not(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    for better, languages in ((0, "qaa"), (0, "qab"), (1, "qaa qab")):
        write_made_up(intermediate="mnli", better=better, used={"languages": languages.split(), "train": "train"})
    expected = "regressions on diversity: mnli has 3 sets of languages; expected at least 4, of different diversity"
    assert extras(analyse(tmp_path)).diversity == Extra(left_out=expected)
    write_made_up(intermediate="mnli", better=2, used={"languages": ["qae", "qaf"], "train": "train"})
    write_made_up(intermediate="mnli", better=-1, used={"languages": ["qaf", "qab"], "train": "another"})
    found = extras(analyse(tmp_path)).diversity
    assert found.table and set(found.table.data["sets"]) == {4} and (found.table.data["slope"] > 0).all(), (
        "alike but for languages"
    )
    assert [picture.name for picture in found.pictures] == ["diversity_1"]
    assert found.pictures[0].description.startswith("mnli: gain by the diversity of phase 2's languages")


def test_a_study_without_sizes_of_few_languages_has_none_of_it(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(world="families", target="pos")
    write_made_up(world="families", target="pos", intermediate="mnli")
    assert dataclasses.replace(extras(analyse(tmp_path)), families=Extra()) == Extras()


@pytest.mark.slow
def test_what_is_left_out_is_told_where_a_user_can_help_it(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise UserError("URIEL+ is not installed")

    monkeypatch.setattr("xstilts.reporting.language_distances.uriel_distances", absent)
    found = extras(real(analysis))
    assert found.distances == Extra(left_out="regressions on distance, as URIEL+ is not installed")
    assert found.published.table and {row[0].text for row in found.published.table.rows} == {"xnli"}
    few = real(analysis)
    few = dataclasses.replace(few, scores=few.scores[few.scores["language"].isin(["en", "de", "fr"])])
    assert extras(few).distances == Extra(), "two languages are too few, whatever is installed"
