"""Results name languages with one answer for everything; predictions name the cluster of their example."""

from typing import Any

import pytest
from datasets import Dataset

from xstilts.tasks.declaration import Task
from xstilts.training.datamodule import LanguageSplit
from xstilts.training.evaluate import _degenerate, _predictions
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


@pytest.mark.parametrize(
    ("format", "columns", "wanted"),
    [
        ("span_qa", {"context": ["p", "p", "x", "y"]}, ["de/1", "de/1", "de/1", "de/1"]),
        ("classification", {"text_a": ["p", "q", "x", "x"]}, ["de/1", "de/1", "de/1", "de/1"]),
        (
            "multiple_choice",
            {"context": [None, None, "x", "x"], "prompt": ["p", "q", "x 1", "x 2"]},
            ["de/1", "de/1", "de/1", "de/1"],
        ),
        ("tagging", {"words": [["p"], ["p"], ["p"], ["p"]]}, ["de/1", "de/2", "de/1", "de/2"]),
        ("retrieval", {"text": ["p", "p", "p", "p"]}, ["de/1", "de/2", "de/1", "de/2"]),
    ],
)
def test_predictions_carry_the_cluster_of_their_example(format: str, columns: dict[str, Any], wanted: list[str]) -> None:
    """Two questions in German and the same two in French; in the test split alone, as each split has its own."""
    examples = Dataset.from_dict({"id": ["1", "2", "1", "2"]} | columns)
    parts = [
        (LanguageSplit(split, code, 0, 2, range(2)), [Scored(rows, [0, 1], [0, 0], {})])
        for split, code, rows in (("validation", "de", [0]), ("test", "de", [0, 1]), ("test", "fr", [2, 3]))
    ]
    parts[0][1][0].predictions, parts[0][1][0].gold = [0], [0]
    found = list(_predictions(Task(name="t", format=format), examples, parts, translated=True))
    assert [(row["split"], row["cluster"]) for row in found] == [("validation", "de/1"), *(("test", one) for one in wanted)]
    apart = list(_predictions(Task(name="t", format=format), examples, parts[1:], translated=False))
    assert all(row["cluster"].startswith(row["language"]) for row in apart)
