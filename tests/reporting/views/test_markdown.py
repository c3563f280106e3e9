import pytest

from xstilts.reporting.tables import TableCell
from xstilts.reporting.views.markdown import cell_text, code, details, table, text


def test_a_table_without_its_empty_columns_and_numbers_to_the_right() -> None:
    made = table(["target", "options", "score"], [["xnli", "", "-1.5"], ["xquad", "", "**+2.0** [1.0, 3.0]"]])
    assert made == "| target | score |\n| --- | ---: |\n| xnli | -1.5 |\n| xquad | **+2.0** [1.0, 3.0] |\n"


@pytest.mark.parametrize("bold", [True, False])
def test_a_cell_has_its_interval_behind_it(bold: bool) -> None:
    assert cell_text(TableCell("+2.0", "[0.5, 3.0]", bold)) == ("**+2.0** [0.5, 3.0]" if bold else "+2.0 [0.5, 3.0]")
    assert cell_text(TableCell("")) == ""


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
