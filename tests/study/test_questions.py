"""A study's declaration is held against its grid: what it cannot answer is a line each, before any work begins."""

from typing import Any

import pytest

from xstilts.analysis import AnalysisConfig
from xstilts.cell.resolve import ResolvedCell, resolve
from xstilts.launch.compose import composed
from xstilts.launch.points import StudyFile
from xstilts.reporting.declared import typed
from xstilts.study.questions import problems

STUDY = StudyFile("mine", None, ("none", "close", "far_1", "far_2"), ("xnli", "udpos"))
CONTRAST = {"kind": "contrast", "a": ["far_*"], "b": ["none"], "expect": "positive"}


@pytest.fixture(scope="module")
def cells() -> list[ResolvedCell]:
    """A part of the study's grid in the synthetic world: of the choices that its file offers, none and far_1."""
    words = ("data=babel", "+target=xnli")
    named = ("+intermediate=mnli", "intermediate.name=far_1")
    return [resolve(composed([*words, *more])) for more in (("+intermediate=none",), named)]


def declared(**questions: Any) -> AnalysisConfig:
    return typed({"primary": {name: CONTRAST | question for name, question in questions.items()}})


def test_a_study_can_name_what_its_file_offers(cells: list[ResolvedCell]):
    slope = {"kind": "slope", "by": "distance", "distance": "structural", "languages": ["qab", "qac"], "targets": ["ud*"]}
    near_and_far = {"kind": "interaction", "languages": "far", "minus": "near"}
    graded = {"kind": "graded", "a": None, "levels": [["close"], ["far_*"]], "languages": "unseen in phase 2"}
    law = {"kind": "law", "a": None, "b": None, "choices": ["far_*"], "languages": "low-resource"}
    good = declared(c={}, s=slope, i=near_and_far, g=graded, l=law)
    assert problems(good, cells, [cell.config for cell in cells], STUDY) == []
    assert problems(AnalysisConfig(), cells, [], STUDY) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kind": None}, "kind: no value: type one of contrast, interaction, slope, law, graded"),
        ({"a": ["fra_*"]}, "unknown choice in analysis.primary.x.a 'fra_*': did you mean far_"),
        ({"b": ["far_1"]}, "x: 'far_1' is in a and in b, expected in one of them"),
        ({"a": None}, "x.a: no value, which contrast needs: type a: [mnli]"),
        ({"expect": None}, "x.expect: no value, which contrast needs: type expect: positive"),
        ({"minus": "near"}, "x.minus: contrast does not use it: leave it out"),
        ({"kind": "interaction"}, "x.minus: no value, which interaction needs: type minus: near"),
        ({"targets": ["xnly"]}, "unknown target in analysis.primary.x.targets 'xnly': did you mean xnli?"),
        ({"languages": "fra"}, "unknown group of languages in analysis.primary.x.languages 'fra': did you mean far"),
        ({"languages": ["qab", "zz"]}, "unknown group of languages in analysis.primary.x.languages 'zz'"),
        ({"kind": "graded", "a": None, "levels": [["close"]]}, "x.levels: got one level, expected at least two"),
        ({"distance": "lexical"}, "x.distance: contrast does not use it"),
        ({"kind": "slope", "by": "distance", "distance": "lexicle"}, "x.distance 'lexicle': did you mean lexical?"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_what_a_study_cannot_answer_is_told(wrong: dict[str, Any], told: str, cells: list[ResolvedCell]):
    lines = problems(declared(x=wrong), cells, [cell.config for cell in cells], STUDY)
    assert any(told in line for line in lines), lines


def test_names_are_known_where_every_cell_was_refused(cells: list[ResolvedCell]):
    configs = [cell.config for cell in cells]
    assert problems(declared(x={}), [], configs, StudyFile()) == []
    assert "unknown choice in analysis.primary.x.a 'far_9'" in problems(declared(x={"a": ["far_9"]}), [], configs, StudyFile())[0]
