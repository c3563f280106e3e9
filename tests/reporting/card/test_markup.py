import pytest

from xstilts.reporting.card.markup import code, details, table, text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("mnli", "mnli"),
        ("a\n# b", "a \\# b"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("*a* _b_ [c](d) `e` ~f~ $g$ \\", "\\*a\\* \\_b\\_ \\[c\\](d) \\`e\\` \\~f\\~ \\$g\\$ \\\\"),
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
