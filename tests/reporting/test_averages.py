"""Averages over targets: per target its own split, layer and languages, and every row says what it is over."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame

from xstilts.paths import CellPaths, conf_dir
from xstilts.reporting.analysis import analyse
from xstilts.reporting.averages import ALL_TARGETS
from xstilts.reporting.submission import languages
from xstilts.reporting.tables import tables
from xstilts.store.results import name_of, write_result
from xstilts.tasks.catalogue import load_task

Values = Mapping[str, Mapping[str, float | None]]
"""Metric -> language -> value."""


def write(
    study: Path,
    target: str,
    metric: str,
    splits: Mapping[str, Values],
    layers: Sequence[int | None] = (None,),
    intermediate: str = "none",
    seed: int = 1,
) -> Path:
    """A cell's result; a layer is worth ten less for each layer below it."""
    rows = []
    for split, values in splits.items():
        for place, layer in enumerate(layers):
            variant = {} if layer is None else {"layer": layer, "pooling": "mean"}
            for key, by_language in values.items():
                for code, value in by_language.items():
                    row = {"task": target, "language": code, "split": split, "metric": key, "examples": 10, **variant}
                    rows.append(row | {"value": None if value is None else value - 10 * place})
    result = {
        "schema": 1,
        "cell": {"study": "s", "intermediate": [intermediate], "target": target, "seed": seed, "source_language": "en"},
        "fingerprint": f"{sum(map(ord, target + intermediate)):015x}{seed}",
        "artifacts": [],
        "rows": rows,
        "degenerate": [],
        "versions": {},
        "config": {
            "data": {"source": "xtreme"},
            "intermediate": {"tasks": {} if intermediate == "none" else {intermediate: {}}},
            "target": {"task": {"name": target, "metrics": [metric]}},
        },
    }
    path = CellPaths(study, name_of(result)).result
    write_result(path, result)
    return path


def around(mean: float, codes: Sequence[str]) -> dict[str, float]:
    """A value for each language, all different, with this mean."""
    return {code: mean + place - (len(codes) - 1) / 2 for place, code in enumerate(codes)}


def of_xtreme(target: str, version: str = "xtreme") -> list[str]:
    return languages(load_task(conf_dir(), target), version)


def write_bucc(study: Path, **given: Any) -> Path:
    codes = of_xtreme("bucc2018")
    test = {"f1": around(71.228, codes), "precision": around(80, codes), "recall": around(65, codes)}
    validation = {key: around(90, codes) for key in test}
    return write(study, "bucc2018", "bitext_f1", {"validation": validation, "test": test}, **given)


def write_tydiqa(study: Path, **given: Any) -> Path:
    codes = of_xtreme("tydiqa")
    values = {"f1": around(30.059, codes), "exact_match": around(16.059, codes)}
    return write(study, "tydiqa", "squad", {"validation": values}, **given)


def one_row(study: Path) -> Any:
    (row,) = analyse(study).averages.itertuples()
    return row


def over(averages: DataFrame) -> dict[str, str]:
    return dict(zip(averages["benchmark"], averages["over"], strict=True))


def test_targets_together_count_what_each_gives_alone(tmp_path: Path) -> None:
    write_bucc(tmp_path / "bucc")
    write_tydiqa(tmp_path / "tydiqa")
    write_bucc(tmp_path / "both")
    write_tydiqa(tmp_path / "both")
    alone = [one_row(tmp_path / name).average for name in ("bucc", "tydiqa")]
    assert alone == pytest.approx([71.228, 23.059])
    both = one_row(tmp_path / "both")
    assert both.average == pytest.approx(sum(alone) / 2) and round(both.average, 2) == 47.14
    assert both.over == "2 of 9 tasks; test of bucc2018; validation of tydiqa; gap of tydiqa"


def test_of_several_layers_the_first_counts(tmp_path: Path) -> None:
    write_bucc(tmp_path / "layers", layers=(1, 3))
    write_bucc(tmp_path / "one")
    assert one_row(tmp_path / "layers").average == one_row(tmp_path / "one").average == pytest.approx(71.228)


def test_each_benchmark_has_its_own_languages(tmp_path: Path) -> None:
    later = of_xtreme("tatoeba", "xtreme-r")
    values = {code: 40.0 if code in of_xtreme("tatoeba") else 4.0 for code in later}
    write(tmp_path, "tatoeba", "retrieval_accuracy", {"test": {"accuracy": values}})
    averages = analyse(tmp_path).averages
    assert averages["benchmark"].tolist() == ["XTREME", "XTREME-R"]
    assert averages["average"].tolist() == pytest.approx([40, (36 * 40 + 5 * 4) / 41])
    assert over(averages) == {"XTREME": "1 of 9 tasks; test", "XTREME-R": "1 of 9 tasks; test"}


def test_what_no_benchmark_has_is_in_an_average_of_all_targets(tmp_path: Path) -> None:
    write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": around(60, of_xtreme("xnli"))}})
    write(tmp_path, "mine", "accuracy", {"test": {"accuracy": around(20, ["en", "xx"])}})
    averages = analyse(tmp_path).averages.set_index("benchmark")
    assert averages["average"].to_dict() == pytest.approx({"XTREME": 60, ALL_TARGETS: 40})
    assert averages.loc[ALL_TARGETS, "over"] == "2 languages of mine; 15 languages of xnli; test"
    assert averages.loc["XTREME", "over"] == "1 of 9 tasks; test"


def test_languages_that_are_missing_are_told_in_the_row_and_among_the_problems(tmp_path: Path) -> None:
    whole = around(60, of_xtreme("xnli"))
    write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": whole | {"th": None}}})
    without = {code: value for code, value in whole.items() if code != "sw"}
    path = write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": without | {"th": None}}}, intermediate="mnli")
    found = analyse(tmp_path)
    counted = [value for code, value in whole.items() if code not in ("sw", "th")]
    assert found.averages["average"].tolist() == pytest.approx([sum(counted) / 13] * 2)
    assert set(found.averages["over"]) == {"1 of 9 tasks; test; xnli in 13 of 15 languages"}
    told = found.problems.set_index("kind")
    assert (
        told.loc["incomplete", "cell"] == path.stem
        and " in sw, which other cells of xnli have" in told.loc["incomplete", "reason"]
    )
    assert told.loc["no gold", "reason"] == "no gold on test in th: no number is over these languages"


def test_a_language_without_both_parts_of_a_qa_score_does_not_count(tmp_path: Path) -> None:
    codes = of_xtreme("xquad")
    values = {"f1": dict.fromkeys(codes, 60.0), "exact_match": dict.fromkeys(codes[1:], 40.0)}
    write(tmp_path, "xquad", "squad", {"test": values})
    row = one_row(tmp_path)
    assert row.average == 50 and row.over == "1 of 9 tasks; test; xquad in 10 of 11 languages"


def test_targets_that_some_choice_lacks_are_named(tmp_path: Path) -> None:
    for choice in ("none", "mnli"):
        write_bucc(tmp_path, intermediate=choice)
    write_tydiqa(tmp_path)
    averages = analyse(tmp_path).averages
    assert averages["average"].tolist() == pytest.approx([71.228] * 2) and set(averages["tasks"]) == {1}
    assert set(averages["over"]) == {"1 of 9 tasks; test; without tydiqa: not run with every choice and seed"}


def test_nothing_in_common(tmp_path: Path) -> None:
    write_bucc(tmp_path, intermediate="mnli")
    write_tydiqa(tmp_path)
    averages = analyse(tmp_path).averages
    assert averages["average"].isna().all() and set(averages["tasks"]) == {0}
    assert all(text.startswith("no target; without bucc2018: not run with every choice") for text in averages["over"])


def test_a_perplexity_is_in_no_average(tmp_path: Path) -> None:
    write_bucc(tmp_path)
    write(tmp_path, "text", "perplexity", {"test": {"perplexity": {"en": 12.0}}})
    averages = analyse(tmp_path).averages
    assert averages["average"].tolist() == pytest.approx([71.228]) and averages["benchmark"].tolist() == ["XTREME"]


def test_the_gap_is_of_what_is_averaged(tmp_path: Path) -> None:
    codes = of_xtreme("xquad", "xtreme-r")
    values = {"f1": {code: 80.0 if code == "en" else 60.0 for code in codes}, "exact_match": dict.fromkeys(codes, 40.0)}
    values["f1"]["ro"] = 0.0
    write(tmp_path, "xquad", "squad", {"test": values})
    averages = analyse(tmp_path).averages.set_index("benchmark")
    assert averages.loc["XTREME", "gap"] == pytest.approx(10) and averages.loc["XTREME-R", "gap"] > 11


def test_the_table_has_what_it_is_over_in_the_same_row(tmp_path: Path) -> None:
    write_bucc(tmp_path)
    write_tydiqa(tmp_path)
    table = next(table for table in tables(analyse(tmp_path)) if table.name == "averages")
    row = dict(zip(table.header, [cell.text for cell in table.rows[0]], strict=True))
    assert row["average"] == "47.1" and row["benchmark"] == "XTREME" and "validation of tydiqa" in row["over"]
    assert not math.isnan(table.data["gap"].iloc[0])
