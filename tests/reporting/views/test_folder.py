import csv
import dataclasses
import io
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from xstilts.errors import UserError
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.extras import Extras, extras
from xstilts.reporting.problems import PROBLEMS
from xstilts.reporting.views.folder import DATA, write_folder

Write = Any


@pytest.fixture
def analysis(write_made_up: Write, tmp_path: Path) -> Analysis:
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, right={"qaa": 8, "qab": 9, "qac": 7, "qae": 5, "qaf": 2})
        for size, better in ((10, -2), (100, -1), (200, 0), (400, 1)):
            write_made_up(intermediate="squad_v1", seed=seed, better=better, used={"max_examples": size})
    return analyse(tmp_path)


@pytest.mark.slow
def test_every_table_and_figure_is_written_in_every_form_and_the_same_again(analysis: Analysis, tmp_path: Path) -> None:
    files = write_folder(analysis, tmp_path / "report", extras(analysis))
    assert len(set(files)) == len(files)
    assert set(files) == {path for path in (tmp_path / "report").rglob("*") if path.is_file()}
    tables = {path.stem for path in files if path.parent.name == "tables"}
    assert {
        "differences",
        "differences_source",
        "differences_others",
        "scores_xnli",
        "averages",
        "families",
        "robustness",
        "selection",
        "scaling",
        "typology",
    } == tables
    drawn = {path.stem for path in files if path.parent.name == "figures"}
    of_extras = {"families_xnli", "scaling_1_xnli", "typology_xnli_score", "typology_xnli_gain"}
    assert drawn == {"differences", "languages_xnli"} | of_extras
    for path in files:
        forms = {"tables": {".csv", ".md", ".tex"}, "figures": {".svg", ".png"}, "data": {".csv"}}.get(path.parent.name, {".md"})
        assert all(path.with_suffix(form) in files and path.with_suffix(form).stat().st_size for form in forms)
    index = files[0].read_text()
    assert files[0].name == "README.md" and all(f"`tables/{name}`" in index for name in tables)
    assert index.count("left out") == index.count("left out: texts of examples, xnli: the config") == 1
    again = write_folder(analysis, tmp_path / "again", extras(analysis))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]


@pytest.mark.slow
def test_the_data_are_the_analysis_at_full_precision(analysis: Analysis, tmp_path: Path) -> None:
    write_folder(analysis, tmp_path / "report", extras(analysis))
    for name in DATA:
        read = pd.read_csv(tmp_path / "report" / "data" / f"{name}.csv", keep_default_na=False, na_values=[""])
        expected = getattr(analysis, name)
        assert list(read.columns) == list(expected.columns) and len(read) == len(expected)
        for column in expected.select_dtypes("float").columns:
            assert read[column].astype(float).tolist() == pytest.approx(expected[column].tolist(), rel=1e-12, nan_ok=True)


@pytest.mark.slow
def test_real_languages_without_uriel_leave_out_distances_and_say_so(
    analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> None:
        raise UserError("URIEL+ is not installed")

    monkeypatch.setattr("xstilts.reporting.language_distances.uriel_distances", absent)
    code = {"qaa": "en", "qab": "de", "qac": "fr", "qae": "sw", "qaf": "ja"}
    scores = analysis.scores.assign(language=analysis.scores["language"].map(code))
    real = dataclasses.replace(analysis, synthetic=False, source="en", scores=scores)
    files = write_folder(real, tmp_path / "report", extras(real))
    names = {path.stem for path in files}
    assert "published" in names and not any(name.startswith("typology") for name in names)
    assert "left out: regressions on distance, as URIEL+ is not installed" in files[0].read_text()
    assert "X-STILTs †" in (tmp_path / "report" / "tables" / "published.md").read_text()


def test_names_are_text_in_every_file(analysis: Analysis, tmp_path: Path) -> None:
    """No HTML, no formula of a spreadsheet, no formula of TeX, whatever a language or a study is called."""
    evil = ("=1+1<img src=x>", "@a|b", "-2*_x_", "+$x_{1}^{", "\tz", "[a](http://b)", "日本語")
    names = dict(zip(analysis.scores["language"].unique(), evil, strict=False))
    frames = {"scores": analysis.scores.assign(language=analysis.scores["language"].map(names))}
    problems = pd.DataFrame([[name, "failed", name] for name in evil], columns=PROBLEMS)
    effects = analysis.effects.assign(intermediate=analysis.effects["intermediate"] + "<b>$x^{")
    evil_study = dataclasses.replace(analysis, name="<script>a</script>", problems=problems, effects=effects, **frames)
    written = write_folder(evil_study, tmp_path / "report", Extras())
    texts = {path: path.read_text(encoding="utf-8") for path in written if path.suffix in (".md", ".csv", ".tex")}
    for path, text in texts.items():
        if path.suffix == ".md":
            assert not re.search(r"<\w", text) and not re.search(r"(?<!\\)\]\(http", text), path
        if path.suffix == ".csv":
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t")) and not is_number(cell)], path
    table = (tmp_path / "report" / "tables" / "problems.csv").read_text(encoding="utf-8")
    assert "'@a|b,failed,'@a|b" in table and "[a](http://b),failed" in table
    markdown = (tmp_path / "report" / "tables" / "problems.md").read_text(encoding="utf-8")
    assert "| @a\\|b | failed | @a\\|b |" in markdown and "=1+1&lt;img src=x&gt;" in markdown


def is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
