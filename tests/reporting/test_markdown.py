import pytest

from xstilts.reporting.gain import Gain
from xstilts.reporting.markdown import code, details, gain_text, per_seed, seed_range, table, text, with_seeds
from xstilts.reporting.table import signed


def test_a_table_without_its_empty_columns_and_numbers_to_the_right() -> None:
    made = table(["target", "options", "score"], [["xnli", "", "-1.5"], ["xquad", "", "**+2.0** [1.0, 3.0]"]])
    assert made == "| target | score |\n| --- | ---: |\n| xnli | -1.5 |\n| xquad | **+2.0** [1.0, 3.0] |\n"


@pytest.mark.parametrize(
    ("values", "written"), [({1: 10.0}, "10.0"), ({1: 10.0, 2: -0.01}, "5.0 (10.0 0.0)"), ({}, "-"), ({1: 1.0, 2: None}, "-")]
)
def test_seeds(values: dict[int, float | None], written: str) -> None:
    assert per_seed(values) == written


def test_a_value_that_is_not_the_mean_of_its_seeds() -> None:
    assert with_seeds(-0.5, {1: None, 2: 0.25}, "{:+.2f}".format) == "-0.50 (- +0.25)"
    assert with_seeds(None, {1: None, 2: None}) == "-" and per_seed({1: 1.0, 2: 2.0}, signed) == "+1.5 (+1.0 +2.0)"


@pytest.mark.parametrize(("low", "high", "written"), [(0.5, 3, "**+2.0** [0.5, 3.0]"), (0, 3, "+2.0 [0.0, 3.0]")])
def test_bold_where_the_interval_excludes_nothing(low: float, high: float, written: str) -> None:
    gain = Gain(2.0, low, high, {1: 1.0, 2: 3.0}, 10, 0.4)
    assert gain_text(gain) == written and seed_range(gain) == "+1.0 to +3.0"
    assert seed_range(Gain(2.0, low, high, {1: 2.0}, 10, 0.4)) == ""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("mnli", "mnli"),
        ("squad_v1", "squad_v1"),
        ("a\n# b", "a \\# b"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("*a* _b_ [c](d) `e` ~f~ $g$ \\", "\\*a\\* \\_b\\_ \\[c\\](d) \\`e\\` \\~f\\~ \\$g\\$ \\\\"),
        ("__init__", "\\_\\_init\\_\\_"),
        (None, "None"),
    ],
)
def test_running_text(value: object, written: str) -> None:
    assert text(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [("a b", "`a b`"), ("a\nb", "`a b`"), ("a`b", "``a`b``"), ("``", "``` `` ```"), ("", ""), (1e-05, "`1e-05`")],
)
def test_code(value: object, written: str) -> None:
    assert code(value) == written


def test_a_table_keeps_its_columns() -> None:
    made = table([code("a|b"), "c"], [[code("x|y"), text("x|y")]])
    assert made == "| `a\\|b` | c |\n| --- | --- |\n| `x\\|y` | x\\|y |\n"
    assert table(["a"], []) == ""


def test_a_title_is_no_html() -> None:
    assert details("<b>\n\n</details>", "body")[0] == "<details>\n<summary>&lt;b&gt; &lt;/details&gt;</summary>"
