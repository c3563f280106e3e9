import pytest

from xstilts.reporting.gain import Gain
from xstilts.reporting.markdown import gain_text, per_seed, seed_range, table, with_seeds
from xstilts.reporting.table import signed


def test_a_table_without_its_empty_columns_and_numbers_to_the_right() -> None:
    text = table(["target", "options", "score"], [["xnli", "", "-1.5"], ["xquad", "", "**+2.0** [1.0, 3.0]"]])
    assert text == "| target | score |\n| --- | ---: |\n| xnli | -1.5 |\n| xquad | **+2.0** [1.0, 3.0] |\n"


@pytest.mark.parametrize(
    ("values", "text"), [({1: 10.0}, "10.0"), ({1: 10.0, 2: -0.01}, "5.0 (10.0 0.0)"), ({}, "-"), ({1: 1.0, 2: None}, "-")]
)
def test_seeds(values: dict[int, float | None], text: str) -> None:
    assert per_seed(values) == text


def test_a_value_that_is_not_the_mean_of_its_seeds() -> None:
    assert with_seeds(-0.5, {1: None, 2: 0.25}, "{:+.2f}".format) == "-0.50 (- +0.25)"
    assert with_seeds(None, {1: None, 2: None}) == "-" and per_seed({1: 1.0, 2: 2.0}, signed) == "+1.5 (+1.0 +2.0)"


@pytest.mark.parametrize(("low", "high", "text"), [(0.5, 3, "**+2.0** [0.5, 3.0]"), (0, 3, "+2.0 [0.0, 3.0]")])
def test_bold_where_the_interval_excludes_nothing(low: float, high: float, text: str) -> None:
    gain = Gain(2.0, low, high, {1: 1.0, 2: 3.0}, 10, 0.4)
    assert gain_text(gain) == text and seed_range(gain) == "+1.0 to +3.0"
    assert seed_range(Gain(2.0, low, high, {1: 2.0}, 10, 0.4)) == ""
