"""The page of a report: what is in it, that names stay text, and that it is the same every time."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame

from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.extras import Extras
from xstilts.reporting.groups import ALL, OTHERS, SOURCE
from xstilts.reporting.numbers import UNKNOWN
from xstilts.reporting.problems import PROBLEMS
from xstilts.reporting.statistics import ITEMS, RUNS
from xstilts.reporting.views.html import page as html_page
from xstilts.reporting.views.html.packing import packed_column
from xstilts.reporting.views.html.page import first_group, fixed, interval, paragraphs, step, targets, write_page

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
Write = Any


class Page(HTMLParser):
    """Parses a page like a browser, as far as these tests need."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.scripts += [""] if tag == "script" else []

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        self.text += data

    def every(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])


def render(found: Analysis) -> str:
    """The page without what only some studies have; tests/reporting/test_sections.py is about that."""
    return html_page.render(found, Extras())


@pytest.fixture
def study(write_made_up: Write, tmp_path: Path) -> Path:
    """Two targets, two choices beside the baseline, two seeds."""
    for seed in (1, 2):
        for target in ("xnli", "pawsx"):
            write_made_up(target=target, seed=seed)
            write_made_up(intermediate="mnli", target=target, seed=seed, better=1)
        write_made_up(intermediate="qqp", target="xnli", seed=seed, better=-seed)
    return tmp_path


def test_the_heat_map_is_html_with_numbers_intervals_and_signs(study: Path) -> None:
    text = render(analyse(study))
    cells = re.findall(r'<td class="(\w+)" data-row="\d+"><a href="#target\d" title="([^"]*)">(.*?)</a></td>', text)
    assert [colour for colour, *_ in cells] == ["up2", "zero", "zero"], "mnli for both targets, qqp for one; two may be chance"
    assert all(re.fullmatch(r"(<b>)?[+−]\d+\.\d(</b>)? <small>\[[+−]?\d.*\]</small>", shown) for *_, shown in cells)
    assert "mnli → pawsx, other languages (4 languages)" in cells[0][1]
    for told in ("difference +10.00 [", "score 62.50, none 52.50", "p ", "corrected ", "seeds 2, test items 10"):
        assert told in cells[0][1]
    assert text.count('href="#target0"') and 'id="target0"' in text, "without JavaScript a cell leads to its target's tables"
    assert "<td>&ndash;</td>" in text, "qqp was not run on pawsx"


def test_bold_is_what_is_significant_after_correction(study: Path) -> None:
    found = analyse(study)
    row = int(found.effects.index[found.effects["group"] == OTHERS][0])
    for p, bold in ((0.05, True), (0.0501, False), (float("nan"), False)):
        effects = found.effects.copy()
        effects["p"], effects.loc[row, "p_corrected"] = 0.001, p
        (shown,) = re.findall(rf'data-row="{row}"><a [^>]*>(<b>)?', render(replace(found, effects=effects)))
        assert bool(shown) == bold


def test_the_header_says_what_was_asked_and_of_what(study: Path) -> None:
    found = replace(analyse(study), question="Does it\nhelp?\n\n  xstilts train -m\n  more")
    page = Page(render(found))
    assert "Does it help?" in page.text and "  xstilts train -m\n  more" in page.text
    assert "no evidence about real languages" in page.text
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", render(found))
    assert facts[:3] == [("cells", "10"), ("seeds", "1, 2"), ("source language", "qaa")]
    assert "There is one seed only" not in page.text
    assert "no evidence about real languages" not in render(replace(found, synthetic=False))


def test_with_one_seed_the_page_says_what_that_means(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", better=1)
    text = render(analyse(tmp_path))
    assert "There is one seed only" in text[: text.index("What the intervals mean")], "where nobody has to unfold it"
    assert "<b>+" not in text and "<b>−" not in text and "]°</small>" in text and "one run, not tested" in text


def test_without_the_baseline_or_anything_else_there_is_a_page_that_says_so(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(intermediate="mnli", better=1)
    text = render(analyse(tmp_path))
    assert "no cell was run without an intermediate task" in text and "+intermediate=none" in text
    assert 'class="heat' not in text and ">mnli</th>" in text, "averages are there"
    write_made_up(target="pawsx")
    assert "no target has both the baseline and another intermediate choice" in render(analyse(tmp_path))


def test_every_group_and_language_is_in_the_table_of_its_target(study: Path) -> None:
    found = analyse(study)
    xnli = next(target for target in targets(found) if target.name == "xnli")
    assert {ALL, SOURCE, OTHERS, "near", "qab", "qaf"} <= set(xnli.groups) and xnli.choices == ["mnli", "qqp"]
    assert xnli.metric == "accuracy, test" and xnli.groups["qaf"].baseline == "30.0"
    text = render(found)
    assert {int(row) for row in re.findall(r'data-row="(\d+)">(?!<a)', text)} >= set(range(len(found.effects)))


def test_single_languages_are_left_out_where_there_are_too_many(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xstilts.reporting.views.html.page.MOST_CELLS", 10)
    text = render(analyse(study))
    assert (
        "too many single languages" in text and "<caption>by language;" not in text and "<caption>by group of languages;" in text
    )


def test_each_target_with_several_layers_has_a_section(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(target="tatoeba", seed=seed, layers=(1, 2))
        write_made_up(target="tatoeba", intermediate="mnli", seed=seed, layers=(1, 2), better=1)
    text = render(analyse(tmp_path))
    assert '<section id="layers_tatoeba">\n<h2>Layers of tatoeba</h2>' in text
    assert '<a href="#layers_tatoeba">Layers of tatoeba</a>' in text and ">layer 2</th>" in text
    assert '<section id="robustness">\n<h2>Robustness</h2>' in text


def test_problems_are_html(study: Path) -> None:
    found = analyse(study)
    assert "None is known" in render(found)
    told = DataFrame([["mnli.xnli.seed1.01234567", "degenerate", "one answer & no more"]], columns=PROBLEMS)
    text = render(replace(found, problems=told))
    assert '<td class="text">one answer &amp; no more</td>' in text and '<a href="#problems">1</a>' in text


def evil(found: Analysis) -> Analysis:
    """Return a study whose names are programs if they are not escaped."""
    frames = {
        name: getattr(found, name).copy() for name in ("scores", "effects", "averages", "selection", "provenance", "problems")
    }
    for frame in frames.values():
        for column in frame.columns:
            if column not in ("kind", "metric", "split") and str(frame[column].dtype) in ("str", "object"):
                frame[column] = [f"{value}{EVIL}" if isinstance(value, str) else value for value in frame[column]]
    frames["problems"] = DataFrame([[EVIL, EVIL, EVIL]], columns=PROBLEMS)
    return replace(found, name=EVIL, question=EVIL, source=EVIL, **frames)


def test_names_stay_text(study: Path) -> None:
    plain, page = Page(render(analyse(study))), Page(render(evil(analyse(study))))
    assert len(page.every("script")) == len(plain.every("script")) == 2
    assert not page.every("img") and not [named for _, named in page.tags if "onerror" in named]
    assert page.scripts[1] == plain.scripts[1] and EVIL not in page.scripts[0] + page.scripts[1]
    assert f"mnli{EVIL}" in page.data["tables"]["effects"]["columns"]["intermediate"]["names"], "it is data, as it was"
    assert EVIL in page.text, "and it is shown"


def test_nothing_comes_from_elsewhere(study: Path) -> None:
    text = render(analyse(study))
    page = Page(text)
    assert not [named for _, named in page.tags if named.get("src")]
    assert {named["href"] for _, named in page.tags if "href" in named and not str(named["href"]).startswith("#")} == {"data:,"}
    assert not [named for _, named in page.tags if "style" in named or any(name.startswith("on") for name in named)]
    (policy,) = [str(named["content"]) for named in page.every("meta") if "http-equiv" in named]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert re.findall(r"https?://[^\s\"']+", text) == ["http://www.w3.org/2000/svg"], "a name, not an address to load from"


def test_the_same_results_give_the_same_bytes(study: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.html", tmp_path / "deep" / "other.html"
    write_page(analyse(study), one, Extras())
    shutil.copytree(study / "results", tmp_path / "copy" / "results")
    shutil.copytree(study / "predictions", tmp_path / "copy" / "predictions")
    write_page(analyse(tmp_path / "copy"), other, Extras())
    assert one.read_bytes() == other.read_bytes()
    assert str(tmp_path) not in one.read_text(encoding="utf-8"), "no path of the machine"


def test_numbers_have_a_real_minus_and_unknown_ones_are_a_dash() -> None:
    assert (fixed(-1.25), fixed(1.25, 1, True), fixed(float("nan"))) == ("−1.3", "+1.3", UNKNOWN)
    row = {"low": -0.31, "high": 2.68, "covers": RUNS}
    assert interval(row, 1) == "[−0.3, +2.7]" and interval(row | {"covers": ITEMS}, 1) == "[−0.3, +2.7]°"
    assert interval(row | {"low": float("nan")}, 1) == ""


def test_colours_have_steps_on_both_sides() -> None:
    differences = (-12, -10, -5, -2, -1, -0.5, -0.4, 0, 0.49, 0.5, 1.5, 3, 7, 62)
    told = "down5 down5 down4 down3 down2 down1 zero zero zero up1 up2 up3 up4 up5"
    assert " ".join(map(step, differences)) == told


def test_columns_are_packed_and_rounded() -> None:
    assert packed_column("value", [1.239, None, float("nan"), 3.0]) == {"values": [1.24, None, None, 3]}
    assert packed_column("p", [0.0123456, 1.5e-200]) == {"values": [0.0123, 1.5e-200]}
    assert packed_column("language", ["a", "b", "a"]) == {"values": [0, 1, 0], "names": ["a", "b"]}
    assert packed_column("target", ["a"] * 5 + ["b"] * 4) == {"values": [0, 1], "runs": [5, 4], "names": ["a", "b"]}
    assert packed_column("main", [True, True, False]) == {"values": [1, 1, 0]}
    assert packed_column("none", []) == {"values": []}


def test_paragraphs_and_first_group() -> None:
    assert paragraphs("") == []
    assert paragraphs("a\nb\n\n  c\n\n\nd") == [(False, "a b"), (True, "  c"), (False, "d")]
    assert first_group([]) == OTHERS


def test_the_parts_lie_in_the_package() -> None:
    parts = files("xstilts.reporting.views.html")
    assert all(parts.joinpath(name).is_file() for name in ("page.html.jinja", "style.css", "script.js"))
    script = parts.joinpath("script.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|insertAdjacent|eval\(|document\.write|fetch\(|import\(", script)
    assert "</" not in script and "<!--" not in script


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to read the program with")
def test_the_program_is_valid() -> None:
    path = Path(str(files("xstilts.reporting.views.html").joinpath("script.js")))
    subprocess.run(["node", "--check", str(path)], check=True, timeout=60)
