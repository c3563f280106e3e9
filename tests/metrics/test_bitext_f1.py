import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.metrics.bitext_f1 import score

column = st.lists(st.lists(st.sampled_from("abc"), max_size=2), min_size=4, max_size=4)


def test_values_worked_by_hand() -> None:
    values = score([["a"], [], ["b"], ["c", "d"]], [["a"], ["b"], [], ["d"]], "de")
    assert values == pytest.approx({"f1": 100 * 4 / 7, "precision": 200 / 3, "recall": 50.0})


def test_the_same_candidate_for_another_source_is_another_pair() -> None:
    assert score([["a"], []], [[], ["a"]], "de") == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


@settings(deadline=None)
@given(column, column)
def test_equals_the_definition_over_sets(gold: list[list[str]], predictions: list[list[str]]) -> None:
    right = {(i, x) for i, row in enumerate(gold) for x in row}
    found = {(i, x) for i, row in enumerate(predictions) for x in row}
    expected = 200 * len(right & found) / max(1, len(right) + len(found))
    assert score(gold, predictions, "de")["f1"] == pytest.approx(expected)
    swapped = score(predictions, gold, "de")
    assert swapped["precision"] == score(gold, predictions, "de")["recall"]
