"""A result says of itself where it is worth nothing."""

from typing import Any

import pytest

from xstilts.tasks.declaration import Task
from xstilts.training.datamodule import LanguageSplit
from xstilts.training.evaluate import _degenerate
from xstilts.training.prediction import Scored


@pytest.mark.parametrize(
    ("format", "same", "various"),
    [
        ("classification", ["no", "no"], ["no", "yes"]),
        ("multiple_choice", [1, 1, 1], [1, 0, 1]),
        ("tagging", [["O", "O"], ["O"]], [["O", "B"], ["O"]]),
        ("span_qa", ["", ""], ["", "a word"]),
    ],
)
def test_one_answer_for_everything_is_told(format: str, same: list[Any], various: list[Any]) -> None:
    def part(split: str, language: str, predictions: list[Any]) -> tuple[LanguageSplit, list[Scored]]:
        return LanguageSplit(split, language, 0, 2, range(2)), [Scored([0, 1], predictions, [], {})]

    parts = [
        part("test", "de", same),
        part("test", "fr", various),
        part("test", "sw", same),
        part("validation", "de", various),
    ]
    parts.append(part("validation", "ur", same[:1]))  # a single example proves nothing
    assert _degenerate(Task(name="t", format=format), parts) == ["test: one answer for every example in de sw"]
