"""Two folders of results of the same cells."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import UserError
from xstilts.reporting.compare import compare

Write = Any


@pytest.fixture
def folders(write_made_up: Write, tmp_path: Path) -> tuple[Path, Path]:
    """Write `a` and `b`: in `b`, mnli is ten points better and qqp was not run; `a` has one more seed of the baseline."""
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed)
    write_made_up(seed=3)
    write_made_up(intermediate="qqp")
    moved(tmp_path, "a")
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, better=1)
    moved(tmp_path, "b")
    return tmp_path / "a", tmp_path / "b"


def moved(study: Path, name: str) -> None:
    (study / name).mkdir()
    for folder in ("results", "predictions"):
        shutil.move(study / folder, study / name / folder)


def changed(folder: Path, **given: Any) -> None:
    for path in (folder / "results").iterdir():
        result = json.loads(path.read_text())
        for key, value in given.items():
            result[key] |= value
        path.write_text(json.dumps(result))


def rows_of(page: str) -> dict[tuple[str, str], list[str]]:
    """Intermediate choice and languages -> the other columns."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| xnli")]
    return {(line[1], line[2]): line[3:] for line in lines}


def test_differences_with_their_intervals(folders: tuple[Path, Path]) -> None:
    page = compare(*folders)
    rows = rows_of(page)
    assert set(rows) == {
        (choice, group) for choice in ("none", "mnli") for group in ("all languages", "source language", "other languages")
    }
    a, b, difference, _, seeds, same, compared = rows["mnli", "all languages"]
    assert (a, b, seeds, same, compared) == ("58.0", "68.0", "1 2", "0 of 2", "10")
    value, low, high = (float(part.strip("*[],")) for part in difference.split())
    assert low < value == 10.0 < high
    assert rows["none", "all languages"][2:] == ["0.0 [0.0, 0.0]", "1.000", "1 2", "2 of 2", "10"]
    assert page.startswith("# b compared with a\n")


def test_without_predictions_only_seeds_are_judged_by(folders: tuple[Path, Path]) -> None:
    whole = rows_of(compare(*folders))["mnli", "all languages"][2]
    shutil.rmtree(folders[1] / "predictions")
    assert rows_of(compare(*folders))["mnli", "all languages"][2] == "**+10.0** [10.0, 10.0]" != whole


def test_other_test_items_are_not_paired(folders: tuple[Path, Path], write_made_up: Write, tmp_path: Path) -> None:
    from xstilts.store.results import read_predictions, write_predictions

    for path in (folders[1] / "predictions").iterdir():
        write_predictions(path, [row | {"id": f"other-{row['id']}"} for row in read_predictions(path)])
    assert "[10.0, 10.0]" in rows_of(compare(*folders))["mnli", "all languages"][2]


def test_cells_of_one_folder_only(folders: tuple[Path, Path]) -> None:
    page = compare(*folders)
    alone = page[page.index("## Cells of one folder only") :]
    assert "| a | xnli | none | 3 |" in alone and "| a | xnli | qqp | 1 |" in alone and "| b |" not in alone
    reverse = compare(*reversed(folders))
    assert "| a | xnli | qqp | 1 |" in reverse and reverse.startswith("# a compared with b\n")


def test_versions_and_options_that_differ(folders: tuple[Path, Path]) -> None:
    page = compare(*folders)
    assert "Versions: the same in all cells that both have." in page and "Options: the same" in page
    changed(folders[1], versions={"torch": "2.14.0"}, config={"trainer": {"precision": "bf16"}, "model": {"pinned": {"x": 1}}})
    page = compare(*folders)
    assert "| `torch` | - | 2.14.0 | none -> xnli, mnli -> xnli |" in page
    assert '`trainer.precision` | - | "bf16" |' in page and "pinned" not in page


def test_two_folders_without_a_common_cell_are_refused(folders: tuple[Path, Path], write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(target="pawsx")
    moved(tmp_path, "c")
    with pytest.raises(UserError, match="no cell in common.*a has none -> xnli.*c has none -> pawsx"):
        compare(folders[0], tmp_path / "c")
    with pytest.raises(UserError, match="no folder of results"):
        compare(folders[0], tmp_path / "nowhere")


def test_names_stay_text(folders: tuple[Path, Path]) -> None:
    changed(folders[1], versions={"<img src=x>": "*1*|2"})
    page = compare(*folders)
    assert "| `<img src=x>` | - | \\*1\\*\\|2 |" in page, "between backticks nothing is HTML"


def test_languages_that_one_folder_lacks_are_named(folders: tuple[Path, Path]) -> None:
    assert "left out" not in compare(*folders)
    for path in (folders[1] / "results").iterdir():
        result = json.loads(path.read_text())
        result["rows"] = [row for row in result["rows"] if row["language"] not in ("qab", "qae")]
        path.write_text(json.dumps(result))
    shutil.rmtree(folders[1] / "predictions")
    page = compare(*folders)
    assert "## Languages that are left out" in page and "| xnli | mnli | qab qae |" in page
