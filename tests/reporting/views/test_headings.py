"""Every table with intervals that cover test items only says so in its heading, in all views."""

import math
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from xstilts import dashboard
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.compare import compare
from xstilts.reporting.extras import extras
from xstilts.reporting.statistics import ITEMS, NOTHING, RUNS_AND_ITEMS
from xstilts.reporting.tables import answer_table, interval_heading, interval_note, tables
from xstilts.reporting.views.html.page import render
from xstilts.reporting.views.latex import latex
from xstilts.reporting.views.markdown import report_table
from xstilts.reporting.views.terminal import study_text

Write = Any
ONLY, SOME = "95 % intervals: test items only", "95 % intervals, with ° test items only"
DIFFERENCES = {"differences", "differences_source", "differences_others"}


@pytest.fixture
def one_run(write_made_up: Write, tmp_path: Path) -> Path:
    write_made_up()
    write_made_up(intermediate="mnli", better=1)
    return tmp_path


@pytest.fixture
def mixed(one_run: Path, write_made_up: Write) -> Path:
    """Add a target with several runs to the one with single runs."""
    for seed in (1, 2):
        write_made_up(target="pawsx", seed=seed)
        write_made_up(target="pawsx", seed=seed, intermediate="mnli", better=1)
    return one_run


def test_the_heading_depends_on_what_intervals_cover() -> None:
    assert interval_heading([ITEMS, NOTHING]) == ONLY and interval_heading([ITEMS, RUNS_AND_ITEMS]) == SOME
    assert interval_heading([RUNS_AND_ITEMS, NOTHING]) == "95 % intervals" and interval_heading([NOTHING]) == "no intervals"
    for covers in ([ITEMS], [ITEMS, RUNS_AND_ITEMS], [RUNS_AND_ITEMS], [NOTHING]):
        assert interval_note(covers).startswith(interval_heading(covers))


def markdown(analysis: Analysis) -> dict[str, str]:
    return {table.name: report_table(table).split("\n\n")[0] for table in tables(analysis)}


def captions_in_latex(analysis: Analysis) -> dict[str, str]:
    found = {table.name: re.search(r"\\caption\{(.*)\}\n", latex(table)) for table in tables(analysis)}
    return {name: match[1].replace(r"\%", "%").replace(r"$^\circ$", "°") for name, match in found.items() if match}


@pytest.mark.parametrize("view", [markdown, captions_in_latex])
def test_captions_of_tables_in_files(view: Callable[[Analysis], dict[str, str]], one_run: Path, write_made_up: Write) -> None:
    captions = view(analyse(one_run))
    assert {name for name, caption in captions.items() if ONLY in caption} == {*DIFFERENCES, "averages", "robustness"}
    for seed in (1, 2):
        write_made_up(target="pawsx", seed=seed)
        write_made_up(target="pawsx", seed=seed, intermediate="mnli", better=1)
    captions = view(analyse(one_run))
    assert {name for name, caption in captions.items() if SOME in caption} == {*DIFFERENCES, "robustness"}


def test_the_table_of_declared_comparisons() -> None:
    from pandas import DataFrame

    known = {"family": "primary", "question": "q", "condition": "", "value": 2.0, "low": 1.0, "high": 3.0, "p": math.nan}
    known |= {"p_corrected": math.nan, "expect": "", "verdict": "undecided", "seeds": math.nan}
    table = answer_table(DataFrame([known | {"covers": covers} for covers in (RUNS_AND_ITEMS, ITEMS)]))
    assert "95 % intervals in brackets are over runs and test items, ° test items only;" in table.caption
    place = list(table.header).index("points")
    assert [row[place].below for row in table.rows] == ["[1.0, 3.0]", "[1.0, 3.0]°"]


def captions(page: str) -> list[str]:
    return [re.sub(r"<.*?>", "", caption) for caption in re.findall(r"<caption>(.*?)</caption>", page)]


@pytest.mark.slow
def test_captions_of_the_page(mixed: Path) -> None:
    analysis = analyse(mixed)
    first, *found = captions(render(analysis, extras(analysis)))
    assert first == f"Difference to none, other languages; {SOME}"
    wanted = [f"by {what}; {heading}" for heading in ("95 % intervals", ONLY) for what in ("group of languages", "language")]
    assert [caption for caption in found if caption.startswith("by ")] == wanted, "pawsx has several runs, xnli one"


def test_tables_that_the_program_of_the_page_makes() -> None:
    """Its function has the same three texts as `interval_heading`; the browser's tests look at its captions."""
    script = files("xstilts.reporting.views.html").joinpath("script.js").read_text(encoding="utf-8")
    assert f'const ITEMS = "{ITEMS}";' in script
    (function,) = re.findall(r"function intervalHeading\(rows\) \{\n(.*?)\n  \}\n", script, re.DOTALL)
    texts = function.replace("${ITEMS}", ITEMS).replace(r"\u00b0", "°")
    assert all(text in texts for text in (f"`{ONLY}`", f"`{SOME}`", '"95 % intervals"', '"no intervals"'))
    assert script.count("intervalHeading(") == 4, "the plot, its table, and the table of all differences use it"


def test_headings_in_the_terminal_and_so_in_the_demo(mixed: Path) -> None:
    headings = [line for line in study_text(analyse(mixed)).splitlines() if "score without intermediate task" in line]
    assert [heading.split("; ")[-1] for heading in headings] == ["95 % intervals.", f"{ONLY}."]


def test_the_column_of_compared_folders(one_run: Path, tmp_path: Path) -> None:
    page = compare(one_run, one_run)
    (header,) = [line for line in page.splitlines() if line.startswith("| target |")]
    assert f"| b - a, {ONLY} |" in header


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # wandb-workspaces 0.4.13 is written for pydantic 1
def test_the_title_of_the_gains_in_wandb(one_run: Path) -> None:
    pytest.importorskip("wandb_workspaces")
    gained = dashboard.gains(analyse(one_run))
    assert f"Gains: intermediate x target; {ONLY}" in dashboard.sections([], gained, answered=False)
    assert {row["covers"] for rows in gained.values() for row in rows} == {ITEMS}


@pytest.mark.slow
def test_single_runs_are_bold_and_tested_in_no_view(one_run: Path) -> None:
    analysis = analyse(one_run)
    page = render(analysis, extras(analysis))
    assert analysis.effects["p"].isna().all() and "<td><b>" not in page and not re.search(r"<b>[+−\d]", page)
    for table in tables(analysis):
        assert not any(cell.bold for row in table.rows for cell in row), table.name
        assert "**" not in report_table(table) and "textbf" not in latex(table)
    assert "significant" not in page.split("<style>")[0] + page.split("<main>")[1].split("<script")[0]
    assert "significant" not in study_text(analysis)
