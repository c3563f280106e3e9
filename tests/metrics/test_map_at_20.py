import pytest

from xstilts.metrics.map_at_20 import average_precision, score


def test_values_worked_by_hand() -> None:
    assert average_precision({"a", "b"}, ["a", "x", "b"]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision({"a", "b", "c"}, ["x", "a"]) == pytest.approx((1 / 2) / 3)
    assert average_precision({"a"}, ["x", "y"]) == 0.0
    assert average_precision({"a"}, []) == 0.0


def test_cut_at_twenty() -> None:
    ranked = [str(i) for i in range(30)]
    assert average_precision({"19"}, ranked) == pytest.approx(1 / 20)
    assert average_precision({"20"}, ranked) == 0.0
    assert average_precision(set(ranked), ranked) == pytest.approx(1.0)  # no more than 20 hits are possible


def test_a_repeated_candidate_counts_once() -> None:
    assert average_precision({"a", "b"}, ["a", "a", "b"]) == pytest.approx((1 + 2 / 3) / 2)


def test_mean_over_queries_and_repeated_gold() -> None:
    assert score([["a", "a"], ["b"]], [["a"], ["x", "b"]], "ar") == {"map_at_20": 75.0}


def test_query_without_relevant_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match="query 2 has no relevant candidate"):
        score([["a"], []], [["a"], ["a"]], "ar")
