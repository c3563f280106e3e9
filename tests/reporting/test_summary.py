from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.reporting.summary import mean_of_others, source_language, source_score, transfer_gap


def rows(**scores: float | None) -> list[dict[str, Any]]:
    return [{"language": language, "value": value} for language, value in scores.items()]


def test_the_definition() -> None:
    column = rows(de=70.0, en=80.0, sw=50.0)
    assert (source_score(column), mean_of_others(column), transfer_gap(column)) == (80.0, 60.0, 20.0)


def test_any_language_may_be_the_source() -> None:
    column = rows(qab=70.0, qaa=80.0, en=50.0)
    assert (source_score(column, "qaa"), mean_of_others(column, "qaa"), transfer_gap(column, "qaa")) == (80.0, 60.0, 20.0)
    assert source_language({"cell": {"source_language": "qaa"}}) == "qaa"
    assert source_language({"cell": {}}) == "en"


def test_what_has_no_gold_does_not_count() -> None:
    assert mean_of_others(rows(en=80.0, de=70.0, sw=None)) == 70.0
    assert transfer_gap(rows(en=None, de=70.0)) is None
    assert (source_score([]), mean_of_others([]), transfer_gap([])) == (None, None, None)


def test_one_side_alone_has_no_gap() -> None:
    assert transfer_gap(rows(en=80.0)) is None
    assert mean_of_others(rows(en=80.0)) is None
    assert transfer_gap(rows(de=70.0, sw=50.0)) is None
    assert mean_of_others(rows(de=70.0, sw=50.0)) == 60.0


def test_zero_is_a_score() -> None:
    assert (source_score(rows(en=0.0, de=0.0)), transfer_gap(rows(en=0.0, de=0.0))) == (0.0, 0.0)


def test_rows_of_two_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="^two scores for language 'de': expected the rows of one task, split and metric$"):
        mean_of_others(rows(de=1.0) + rows(de=2.0))


def test_an_iterator_is_enough() -> None:
    assert transfer_gap(iter(rows(en=80.0, de=60.0))) == 20.0


@given(st.dictionaries(st.sampled_from(["de", "sw", "th", "zh"]), st.floats(0, 100), min_size=1), st.floats(0, 100))
def test_the_gap_is_zero_for_equal_scores_and_moves_with_source_score(others: dict[str, float], score: float) -> None:
    assert transfer_gap(rows(en=score, **dict.fromkeys(others, score))) == pytest.approx(0, abs=1e-9)
    gap = transfer_gap(rows(en=score, **others))
    assert gap is not None
    assert transfer_gap(rows(en=score + 1, **others)) == pytest.approx(gap + 1)
