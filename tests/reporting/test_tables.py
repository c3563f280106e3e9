import dataclasses
from pathlib import Path
from typing import Any

import pytest

from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.groups import ALL, OTHERS
from xstilts.reporting.tables import ReportTable, TableCell, conditions, headline, tables, target_tables
from xstilts.reporting.views.latex import latex

Write = Any


@pytest.fixture
def analysis(write_made_up: Write, tmp_path: Path) -> Analysis:
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, better=1)
        write_made_up(intermediate="qqp", seed=seed, better=-seed)
        write_made_up(target="tatoeba", layers=(1, 2), seed=seed)
        write_made_up(target="tatoeba", layers=(1, 2), seed=seed, intermediate="mnli", better=1)
    return analyse(tmp_path)


def by_name(analysis: Analysis) -> dict[str, ReportTable]:
    return {table.name: table for table in tables(analysis)}


def test_the_headline_is_over_all_languages_where_the_source_language_has_a_score(analysis: Analysis) -> None:
    groups = headline(analysis.effects).groupby("target")["group"].unique()
    assert groups["xnli"].tolist() == [ALL] and groups["tatoeba"].tolist() == [OTHERS]


def test_differences_stand_under_the_score_without_intermediate_task(analysis: Analysis) -> None:
    table = by_name(analysis)["differences"]
    assert list(table.header) == ["intermediate", "tatoeba (layer 1)", "xnli"]
    assert table.rows[0] == [TableCell("none"), TableCell("42.5"), TableCell("58.0")]
    mnli = next(row for row in table.rows if row[0].text == "mnli")
    assert [cell.text for cell in mnli] == ["mnli", "+10.0", "+10.0"]
    qqp = next(row for row in table.rows if row[0].text == "qqp")
    assert qqp[1] == TableCell("-") and qqp[2].text == "-15.0" and qqp[2].below.startswith("[-")


def test_a_retrieval_target_with_several_layers_has_a_table_of_them(analysis: Analysis) -> None:
    table = by_name(analysis)["layers_tatoeba"]
    assert list(table.header) == ["intermediate", "layer 1", "layer 2"]
    assert [cell.text for cell in table.rows[0]] == ["none", "42.5", "52.5"]
    assert [cell.text for cell in table.rows[1]] == ["mnli", "+10.0", "+10.0"]
    layers = analysis.layers.set_index("layer")
    effects = analysis.effects[(analysis.effects["target"] == "tatoeba") & (analysis.effects["group"] == OTHERS)]
    assert layers.loc[1, "low"] == effects["low"].item() and layers.loc[1, "items"] == effects["items"].item() == 10
    assert layers.loc[2, "items"] == 0, "predictions are of the first layer"
    assert "layers_xnli" not in by_name(analysis)


def test_what_is_certain_after_correction_is_bold_and_nothing_else(analysis: Analysis) -> None:
    effects = analysis.effects.copy()
    effects["p_corrected"] = [0.01 if name == "qqp" else 0.06 for name in effects["intermediate"]]
    effects["p"] = 0.001
    for table in tables(dataclasses.replace(analysis, effects=effects, layers=analysis.layers.iloc[:0])):
        bold = {row[0].text for row in table.rows for cell in row if cell.bold}
        assert bold == ({"qqp"} if table.name.startswith("differences") else set()), table.name


def test_scores_of_every_language_the_source_language_first(analysis: Analysis) -> None:
    table = by_name(analysis)["scores_xnli"]
    assert [row[0].text for row in table.rows] == ["qaa", "qab", "qac", "qae", "qaf"]
    assert list(table.header) == ["language", "none", "mnli", "qqp"]
    assert table.rows[0][1:] == [TableCell("80.0", "± 0.0"), TableCell("90.0", "± 0.0"), TableCell("65.0", "± 7.1")]
    assert "standard deviation over seeds" in table.caption
    data = table.data.set_index(["language", "intermediate"])
    assert data.loc[("qaa", "qqp"), "mean"] == 65.0 and data.loc[("qaa", "qqp"), "count"] == 2


def test_columns_that_say_nothing_are_left_out_and_tables_without_rows(analysis: Analysis) -> None:
    found = by_name(analysis)
    assert "options" not in found["averages"].header and "problems" not in found
    assert {"differences_source", "differences_others"} <= set(found)


def test_each_condition_has_tables_of_its_own(write_made_up: Write, tmp_path: Path) -> None:
    for pairs in (1500, 3000):
        write_made_up(pairs=pairs)
        write_made_up(pairs=pairs, intermediate="mnli", better=1)
    analysis = analyse(tmp_path)
    named = conditions(analysis)
    assert [suffix for suffix, _ in named] == ["_1", "_2"]
    found = by_name(analysis)
    assert {"differences_1", "differences_2", "scores_xnli_1", "scores_xnli_2"} <= set(found)
    told = [typed for _, typed in named if typed]
    assert told and all(any(typed in table.caption for table in found.values()) for typed in told)
    assert found["averages"].header[:2] == ["intermediate", "options"]


def test_numbers_of_test_items_and_clusters_stand_last(analysis: Analysis) -> None:
    apart = dataclasses.replace(analysis, effects=analysis.effects.assign(items=1190, clusters=240))
    for table in (by_name(apart)["differences"], next(target_tables(apart))):
        assert [[cell.text for cell in row[:2]] for row in table.rows[-2:]] == [
            ["test items", "1190"],
            ["clusters of items", "240"],
        ]
    unknown = dataclasses.replace(analysis, effects=analysis.effects.assign(items=0, clusters=0))
    assert by_name(unknown)["differences"].rows[-1][0].text == "languages"
    assert by_name(analysis)["differences"].rows[-1][0].text == "test items", "each is a cluster"


def test_latex_gets_no_sign_that_it_does_not_know(analysis: Analysis) -> None:
    assert all(latex(table).isascii() for table in tables(analysis))


def test_seen_languages_are_marked_and_unseen_ones_have_a_table(write_made_up: Any, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", better=1, used={"languages": ["qaa"]})
    write_made_up(intermediate="qqp", better=1, used={"languages": ["qab", "qac"]})
    found = {table.name: table for table in tables(analyse(tmp_path))}
    scores = {row[0].text: [cell.text for cell in row[1:]] for row in found["scores_xnli"].rows}
    assert scores["qab"] == ["70.0", "80.0", "80.0‡"] and scores["qae"] == ["50.0", "60.0", "60.0"]
    assert "‡ phase 2 trained in this language" in found["scores_xnli"].caption and found["scores_xnli"].is_numeric(3)
    unseen = [[cell.text for cell in row] for row in found["differences_unseen"].rows]
    assert unseen == [["none", "-"], ["mnli", "+10.0"], ["qqp", "+10.0"], ["languages", "2 to 4"], ["test items", "10"]]
    assert "unseen in phase 2" in found["differences_unseen"].caption
    (target,) = target_tables(analyse(tmp_path))
    assert "seen in phase 2" in target.header and "unseen in phase 2" in target.header
