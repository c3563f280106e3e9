"""The page's sections that only some studies have: they show what the export writes."""

import base64
import dataclasses
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.extras import Extra, Extras, extras
from xstilts.reporting.views.folder import write_folder
from xstilts.reporting.views.html.page import render

Write = Any


def pictures(text: str) -> list[bytes]:
    return [base64.b64decode(coded) for coded in re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)"', text)]


@pytest.mark.slow
def test_the_page_shows_what_the_export_writes(analysis: Analysis, tmp_path: Path) -> None:
    more = extras(analysis)
    text, files = render(analysis, more), write_folder(analysis, tmp_path / "report", more)
    drawn = [path for path in files if path.suffix == ".svg" and path.name.startswith(("families", "scaling", "typology"))]
    assert sorted(pictures(text)) == sorted(path.read_bytes() for path in drawn) and len(drawn) == 4
    for path in drawn:
        assert f"`figures/{path.stem}`" in files[0].read_text()
    for part in (more.families, more.sizes, more.distances):
        assert part.table
        written = (tmp_path / "report" / "tables" / f"{part.table.name}.md").read_text()
        assert part.table.caption in written and part.table.caption in unescape(text)
        for row in part.table.rows:
            shown = "".join(f"{cell.text}{cell.below}" for cell in row).replace("-", "−")
            found = [re.sub(r"<[^>]*>", "", unescape(line)) for line in re.findall(r"<tr>(.*)</tr>", text)]
            assert shown.replace(" ", "") in [line.replace("-", "−").replace("–", "−").replace(" ", "") for line in found]
    assert render(analysis, extras(analysis)) == text, "made anew, it is the same"


@pytest.mark.slow
def test_each_picture_has_its_text_its_size_and_its_caption(analysis: Analysis) -> None:
    more = extras(analysis)
    text = unescape(render(analysis, more))
    for part in (more.families, more.sizes, more.distances):
        for picture in part.pictures:
            assert f'alt="{picture.description}"' in text and f"<figcaption>{picture.caption}</figcaption>" in text
    assert re.findall(r'<img src="[^"]*" width="(\d+)" height="(\d+)"', text)[1] == ("518", "269")
    known = ("families", "sizes", "distances", "published")
    assert [name for name in known if f'<section id="{name}">' in text] == ["families", "sizes", "distances"]
    assert '<a href="#sizes">' in text and '<a href="#published">' not in text


@pytest.mark.slow
def test_one_target_is_shown_by_family_and_the_others_are_folded(write_made_up: Write, tmp_path: Path) -> None:
    for target in ("xnli", "pawsx", "pos"):
        write_made_up(target=target)
        write_made_up(target=target, intermediate="mnli", better=1)
    found = analyse(tmp_path)
    text = render(found, extras(found))
    section = text[text.index('<section id="families">') : text.index('<section id="averages">')]
    assert section.count("<img") == 3 and section.index("<img") < section.index("<details>")
    assert re.findall("<summary>(.*)</summary>", section) == ["pos", "xnli", "The numbers as a table"]
    assert '<a href="#families">Near and far languages</a>' in text


def test_without_them_the_page_says_nothing_and_what_is_left_out_is_told(analysis: Analysis) -> None:
    text = render(analysis, Extras())
    assert not re.search(r'id="(families|sizes|distances|published)"|<figure|<img|Left out', text)
    text = render(analysis, Extras(distances=Extra(left_out="regressions, as <b> is not installed")))
    assert '<p class="note">Left out: regressions, as &lt;b&gt; is not installed.</p>' in text and "<figure" not in text


@pytest.mark.slow
def test_pictures_without_room_stay_in_their_files(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    more = extras(analysis)
    size = len(base64.b64encode(more.sizes.pictures[0].svg)) + 30
    monkeypatch.setattr("xstilts.reporting.views.html.page.MOST_BYTES", size)
    text = render(analysis, more)
    assert pictures(text) == [more.sizes.pictures[0].svg] and text.count("<figcaption>") == 4
    assert "this one is figures/typology_xnli_score.svg, which was written beside this page" in text


@pytest.mark.slow
def test_numbers_have_a_real_minus_and_columns_of_text_their_class(analysis: Analysis) -> None:
    text = render(analysis, extras(analysis))
    section = text[text.index('<section id="distances">') :]
    section = section[: section.index("</section>")]
    assert '<th scope="col" class="text">distance</th>' in section and '<th scope="col">per 0.1 of distance</th>' in section
    assert re.search(r"<td>(<b>)?−\d+\.\d(</b>)? <small>\[−\d+\.\d, −?\d+\.\d\]</small></td>", section)


@pytest.mark.slow
def test_names_stay_text(analysis: Analysis) -> None:
    evil = "<img src=x onerror=alert(1)>"
    frames = {
        "scores": analysis.scores.assign(target=evil),
        "effects": analysis.effects.assign(target=evil),
    }
    renamed = dataclasses.replace(analysis, **frames)
    text = render(renamed, extras(renamed))
    assert evil not in text and len(pictures(text)) == text.count("<img") == 4
    assert evil in unescape(text)
