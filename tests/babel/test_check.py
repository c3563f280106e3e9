"""All problems of a world are reported before anything is generated."""

from dataclasses import fields
from typing import Any

import pytest

from xstilts.babel.check import CHOICES, problems
from xstilts.babel.declaration import Language, WorldConfig


def world(**values: Any) -> WorldConfig:
    return WorldConfig(**{"languages": {"qaa": Language(), "qab": Language(**values.pop("qab", {}))}} | values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, []),
        ({"languages": {}}, ["data.world.languages: the synthetic world has no languages; type data=babel, which declares some"]),
        ({"qab": {"order": "XYZ"}}, ["unknown data.world.languages.qab.order 'XYZ': valid: SOV, SVO, VSO."]),
        ({"qab": {"script": "Cyrilic"}}, ["unknown data.world.languages.qab.script 'Cyrilic': did you mean Cyrillic?"]),
        ({"qab": {"overlap": 1.5}}, ["data.world.languages.qab.overlap: got 1.5, expected 1 or less"]),
        ({"qab": {"text": 0.0}}, ["data.world.languages.qab.text: got 0.0, expected more than 0"]),
        (
            {"habit": -0.1, "negated": 2.0},
            ["data.world.habit: got -0.1, expected 0 or more", "data.world.negated: got 2.0, expected 1 or less"],
        ),
        ({"target_share": 100}, ["data.world.target_share: got 100, expected 99 or less"]),
        ({"rows": float("nan")}, ["data.world.rows: got nan, expected a finite number"]),
        ({"stories": 0}, ["data.world.stories: got 0, expected 1 or more"]),
        (
            {"languages": {"qab": Language(order="SOV", names=0.5)}},
            ["data.world.languages.qab: got order=SOV, names=0.5, but the first language is the pivot: leave its values out"],
        ),
        (
            {"languages": {"q/a": Language()}},
            ["data.world.languages: got the code 'q/a', expected letters, digits and hyphens"],
        ),
    ],
    ids=str,
)
def test_a_problem_is_told_in_one_line(values: dict[str, Any], told: list[str]):
    assert list(problems(world(**values))) == told


def test_every_text_of_a_language_has_its_choices():
    texts = {field.name for field in fields(Language) if field.type is str}
    assert texts == set(CHOICES)
    assert all(getattr(Language(), name) in allowed for name, allowed in CHOICES.items())
