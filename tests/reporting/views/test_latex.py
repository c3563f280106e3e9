import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DataFrame

from xstilts.reporting.tables import ReportTable, TableCell
from xstilts.reporting.views.latex import LONG, NARROW, escape, latex


def made(rows: list[list[TableCell]], header: list[str] | None = None) -> str:
    header = header or [f"column {place}" for place in range(len(rows[0]))]
    return latex(ReportTable("differences_2", "50 % of squad_v1", header, rows, DataFrame()))


@given(st.text())
def test_no_sign_of_any_text_means_something_to_latex(text: str) -> None:
    escaped = escape(text)
    named = r"\\(textbackslash|textasciitilde|textasciicircum|d?dag|S)\{\}"
    bare = re.sub(named + r"|\$(\\pm|\\to|\\[gl]eq|\^\\circ|[-<>|])\$|\\[&%$#_{}]", "", escaped)
    assert not set(bare) & set("\\&%$#_{}~^<>|")
    assert "\n" not in escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("squad_v1", r"squad\_v1"),
        ("-3.2", "$-$3.2"),
        ("[-5.0, -1.2]", "[$-$5.0, $-$1.2]"),
        ("b - a", "b - a"),
        ("x-1", "x-1"),
        ("50 % ± 3", r"50 \% $\pm$ 3"),
        ("p ≤ 0.05", r"p $\leq$ 0.05"),
        (r"a\b", r"a\textbackslash{}b"),
    ],
)
def test_texts(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.lists(st.lists(st.text(max_size=50), min_size=3, max_size=3), min_size=1, max_size=4), st.booleans())
def test_every_row_has_all_columns_and_every_brace_its_partner(texts: list[list[str]], bold: bool) -> None:
    written = made([[TableCell(text, "[-1.0, 2.0]" if bold else "", bold) for text in row] for row in texts])
    body = written[written.index("\\midrule") : written.index("\\bottomrule")].splitlines()[1:]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body] == [2] * len(texts)
    assert all(line.endswith(r" \\") for line in body)
    depth = 0
    for sign in re.sub(r"\\[{}\\]", "", written):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0 and len(re.findall(r"\\begin\{", written)) == len(re.findall(r"\\end\{", written)) == 2


def test_what_is_certain_is_bold_and_its_interval_below() -> None:
    written = made([[TableCell("mnli"), TableCell("+3.2", "[-1.0, 5.4]", True), TableCell("-0.1")]])
    assert r"mnli & \shortstack[r]{\textbf{+3.2}\\{\tiny [$-$1.0, 5.4]}} & $-$0.1 \\" in written
    assert r"\begin{tabular}{lrr}" in written and r"\caption{50 \% of squad\_v1}" in written
    assert r"\label{tab:differences-2}" in written


def test_many_columns_go_over_the_page_and_long_texts_over_lines() -> None:
    assert "{table}[t]" in made([[TableCell("1")] * NARROW]) and "{table*}[t]" in made([[TableCell("1")] * (NARROW + 1)])
    written = made([[TableCell("anli+mnli+snli." + "x" * LONG), TableCell("1")]])
    assert r"\begin{tabular}{p{0.80\linewidth}r}" in written and r"anli+\allowbreak{}mnli" in written


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_line_before() -> None:
    assert "\n{[1]} & 2" in made([[TableCell("[1]"), TableCell("2")]])
