"""The page of a study that nobody ran."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts import demo
from xstilts.babel.world import VERSION
from xstilts.errors import UserError
from xstilts.reporting import study_page
from xstilts.store.results import read_result, write_result

Write = Callable[..., None]


def headings(page: str) -> list[str]:
    return re.findall(r"^## (.*)$", page, re.MULTILINE)


def test_a_page_with_every_part(write_made_up: Write, tmp_path: Path, repository: Path) -> None:
    for seed in (1, 2):
        for choice, better in (("none", 0), ("mnli", 1), ("anli+mnli+snli", seed - 1)):
            write_made_up(intermediate=choice, seed=seed, better=better)
        write_made_up(seed=seed, encoder=False, better=-2)
        write_made_up(seed=seed, world="families")
        write_made_up(target="bucc2018", seed=seed, layers=(0, 1, 2), splits=("validation", "test"))
    write_made_up(pairs=150, better=-1)
    page = study_page.write(tmp_path)
    assert headings(page) == [title for title, _, _ in study_page.SECTIONS]
    assert page.startswith("<!-- Written by `python -m xstilts.demo --page ")
    assert "Every seed is another world and another encoder." in page and f"version {VERSION} of the world's generator" in page
    assert "\npython -m xstilts.train -m +experiments=babel seed=1,2\n" in page
    assert "+experiments=babel +intermediate=none +target=xnli seed=1,2 pretraining.encoder=false\n" in page
    assert "| xnli | accuracy, test |" in page.replace("|  |", "|") and "| 1 2 | 6 | 0 |" in page
    control = "| xnli | 60.0 (60.0 60.0) | 80.0 (80.0 80.0) | +20.0 (+20.0 +20.0) | 32.5 (32.5 32.5) | 52.5 (52.5 52.5) |"
    assert control in page
    assert "| xnli | mnli | +10.0 [0.0, 30.0] | +10.0 to +10.0 | **+10.0** [2.5, 17.5] | +10.0 to +10.0 |" in page
    assert "| anli_plus | +5.0 |" in page and "of 4 intervals exclude 0" in page
    families = "`data.world.languages=qaa,qba,qbe,qbh`"
    assert f"| xnli | together with {families} | 7, 5 | +0.04 (+0.04 +0.04) |" in page
    assert "| qba | order=SOV | -40.0 |" in page and "| qbh | names=0.5, text=0.05 | -60.0 |" in page
    assert "| qaf | 0.4 | 0.96 | Latin | 1 | 30.0 | 30.0 |" in page
    assert "| none | 32.5 (32.5 32.5) | 42.5 (42.5 42.5) | 52.5 (52.5 52.5) | 42.5 (42.5 42.5), layer 1 1 |" in page
    assert "| 150 | 42.5 |\n| 1500 | 52.5 (52.5 52.5) |\n" in page
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if "://" not in link]
    assert links and all((repository / "docs" / link).exists() for link in links)
    assert re.search(r"^<!-- needs: .* -->\n```bash\n", page, re.MULTILINE)


def test_parts_without_results_are_left_out(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(name="mine")
    page = study_page.write(tmp_path)
    assert headings(page) == ["Distance and transfer", "Every language"]
    assert "python -m xstilts.train -m +intermediate=none +target=xnli seed=1\n" in page and "Every seed" not in page


def test_it_is_printed(write_made_up: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up()
    assert demo.main(["--page", str(tmp_path)]) == 0
    assert capsys.readouterr().out == study_page.write(tmp_path)
    assert demo.main(["--page", str(tmp_path / "absent")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: no folder of results at ") and err.count("\n") == 1


def test_a_folder_without_scores(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(UserError, match="^no results in "):
        study_page.write(tmp_path)


def test_results_without_gold(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    (path,) = (tmp_path / "results").iterdir()
    result = read_result(path)
    write_result(path, result | {"rows": [row | {"value": None} for row in result["rows"]]})
    with pytest.raises(UserError, match="^no result in .* has a score: "):
        study_page.write(tmp_path)


def test_degenerate_cells_are_counted(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    (path,) = (tmp_path / "results").iterdir()
    write_result(path, read_result(path) | {"degenerate": ["test: one answer for every example in qaf"]})
    assert "| 1 | 1 | 1 |\n" in study_page.write(tmp_path)
