"""Averages over targets: per target its own split, layer and languages, and every row says what it is over."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reporting.simulated_targets import simulated_targets
from xstilts.paths import CellPaths, conf_dir
from xstilts.reporting.analysis import analyse
from xstilts.reporting.averages import ALL_TARGETS, averages
from xstilts.reporting.groups import ALL
from xstilts.reporting.statistics import RUNS_AND_ITEMS
from xstilts.reporting.submission import languages
from xstilts.reporting.tables import tables
from xstilts.store.results import name_of, write_result
from xstilts.tasks.catalogue import load_task

EVALUATED = {"tydiqa": ["validation"], "xquad": ["test"], "tatoeba": ["test"]}
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
            "target": {"task": {"name": target, "metrics": [metric], "evaluate": EVALUATED.get(target, ["validation", "test"])}},
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


def rows_of(study: Path) -> dict[tuple[str, str, str], Any]:
    """Benchmark, split and choice -> row."""
    return {(row.benchmark, row.split, row.intermediate): row for row in analyse(study).averages.itertuples()}


def test_targets_together_count_what_each_gives_alone(tmp_path: Path) -> None:
    write_bucc(tmp_path / "bucc")
    write_tydiqa(tmp_path / "tydiqa")
    write_bucc(tmp_path / "both")
    write_tydiqa(tmp_path / "both")
    bucc, tydiqa, both = (rows_of(tmp_path / name) for name in ("bucc", "tydiqa", "both"))
    assert bucc["XTREME", "test", "none"].average == pytest.approx(71.228)
    assert tydiqa["XTREME", "test", "none"].average == pytest.approx(30.059), "F1"
    assert tydiqa["XTREME average", "test", "none"].average == pytest.approx(23.059), "exact match and F1"
    assert both["XTREME", "test", "none"].average == pytest.approx((71.228 + 30.059) / 2)
    assert both["XTREME average", "test", "none"].average == pytest.approx((71.228 + 23.059) / 2)
    assert both["XTREME", "test", "none"].over == "2 of 9 tasks; tydiqa is tested on validation; gap of tydiqa"


def test_splits_are_not_mixed(tmp_path: Path) -> None:
    """TyDiQA is tested on its validation split; the validation of the others has an average of its own."""
    write_bucc(tmp_path)
    write_tydiqa(tmp_path)
    validation = rows_of(tmp_path)["XTREME", "validation", "none"]
    assert validation.average == pytest.approx(90)
    assert validation.over == "1 of 9 tasks; without tydiqa: has no validation split beside the one that it is tested on"


def test_a_test_without_gold_is_not_replaced_by_validation(tmp_path: Path) -> None:
    write_bucc(tmp_path)
    codes = of_xtreme("xnli")
    values = {"validation": {"accuracy": around(60, codes)}, "test": {"accuracy": dict.fromkeys(codes)}}
    write(tmp_path, "xnli", "accuracy", values)
    found = rows_of(tmp_path)
    test, validation = (found["XTREME", split, "none"] for split in ("test", "validation"))
    assert test.average == pytest.approx(71.228) and validation.average == pytest.approx((90 + 60) / 2)
    assert test.over == "1 of 9 tasks; without xnli: no language with gold on test in all cells"


def test_of_several_layers_the_first_counts(tmp_path: Path) -> None:
    write_bucc(tmp_path / "layers", layers=(1, 3))
    write_bucc(tmp_path / "one")
    layers, one = (rows_of(tmp_path / name)["XTREME", "test", "none"].average for name in ("layers", "one"))
    assert layers == one == pytest.approx(71.228)


@pytest.mark.slow
def test_each_benchmark_has_its_own_languages(tmp_path: Path) -> None:
    later = of_xtreme("tatoeba", "xtreme-r")
    values = {code: 40.0 if code in of_xtreme("tatoeba") else 4.0 for code in later}
    write(tmp_path, "tatoeba", "retrieval_accuracy", {"test": {"accuracy": values}})
    found = rows_of(tmp_path)
    assert [benchmark for benchmark, _, _ in found] == ["XTREME", "XTREME-R"]
    assert [row.average for row in found.values()] == pytest.approx([40, (36 * 40 + 5 * 4) / 41])
    assert {row.over for row in found.values()} == {"1 of 9 tasks"}


def test_targets_of_no_benchmark_are_in_an_average_of_all_targets(tmp_path: Path) -> None:
    write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": around(60, of_xtreme("xnli"))}})
    write(tmp_path, "mine", "accuracy", {"test": {"accuracy": around(20, ["en", "xx"])}})
    found = rows_of(tmp_path)
    assert found["XTREME", "test", "none"].average == pytest.approx(60)
    whole = found[ALL_TARGETS, "test", "none"]
    assert whole.average == pytest.approx(40) and whole.over == "2 languages of mine; 15 languages of xnli"


def test_a_target_that_lacks_languages_does_not_count_as_the_benchmarks(tmp_path: Path) -> None:
    whole = around(60, of_xtreme("xnli"))
    write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": whole | {"th": None}}})
    without = {code: value for code, value in whole.items() if code != "sw"}
    path = write(tmp_path, "xnli", "accuracy", {"test": {"accuracy": without | {"th": None}}}, intermediate="mnli")
    write_bucc(tmp_path)
    write_bucc(tmp_path, intermediate="mnli")
    found = rows_of(tmp_path)
    row = found["XTREME", "test", "mnli"]
    assert row.average == pytest.approx(71.228) and row.over == "1 of 9 tasks; without xnli: 13 of 15 languages"
    counted = [value for code, value in whole.items() if code not in ("sw", "th")]
    own = found[ALL_TARGETS, "test", "mnli"]
    assert own.average == pytest.approx((71.228 + sum(counted) / 13) / 2) and "xnli in 13 of 14 languages" in own.over
    told = analyse(tmp_path).problems.set_index("kind")
    assert (
        told.loc["incomplete", "cell"] == path.stem
        and " in sw, which other cells of xnli have" in told.loc["incomplete", "reason"]
    )
    assert told.loc["no gold", "reason"] == "no gold on test in th: no number is over these languages"


def test_of_validation_the_languages_count_that_have_one(tmp_path: Path) -> None:
    codes = of_xtreme("udpos")
    without = [code for code in codes if code not in ("kk", "th", "tl", "yo")]
    keys = "f1_seqeval_0_0_12"
    write(tmp_path, "udpos", "xtreme_tagging_f1", {"validation": {keys: around(50, without)}, "test": {keys: around(60, codes)}})
    found = rows_of(tmp_path)
    assert found["XTREME", "validation", "none"].average == pytest.approx(50)
    assert found["XTREME", "test", "none"].average == pytest.approx(60)


def test_targets_that_some_choice_lacks_are_named(tmp_path: Path) -> None:
    for choice in ("none", "mnli"):
        write_bucc(tmp_path, intermediate=choice)
    write_tydiqa(tmp_path)
    found = rows_of(tmp_path)
    for choice in ("none", "mnli"):
        row = found["XTREME", "test", choice]
        assert row.average == pytest.approx(71.228) and row.tasks == 1
        assert row.over == "1 of 9 tasks; without tydiqa: not run with every choice"


def test_nothing_in_common(tmp_path: Path) -> None:
    write_bucc(tmp_path, intermediate="mnli")
    write_tydiqa(tmp_path)
    averages = analyse(tmp_path).averages
    assert averages["average"].isna().all() and set(averages["tasks"]) == {0}
    assert all(text.startswith("no target; without bucc2018: not run with every choice") for text in averages["over"])


def test_a_perplexity_is_in_no_average(tmp_path: Path) -> None:
    write_bucc(tmp_path)
    write(tmp_path, "text", "perplexity", {"test": {"perplexity": {"en": 12.0}}})
    assert rows_of(tmp_path)["XTREME", "test", "none"].average == pytest.approx(71.228)
    assert set(analyse(tmp_path).averages["benchmark"]) == {"XTREME"}


def test_the_gap_is_of_the_languages_that_are_averaged(tmp_path: Path) -> None:
    codes = of_xtreme("xquad", "xtreme-r")
    values = {"f1": {code: 80.0 if code == "en" else 60.0 for code in codes}, "exact_match": dict.fromkeys(codes, 40.0)}
    values["f1"]["ro"] = 0.0
    write(tmp_path, "xquad", "squad", {"test": values})
    found = rows_of(tmp_path)
    assert found["XTREME", "test", "none"].gap == pytest.approx(20) and found["XTREME-R", "test", "none"].gap > 20


def test_differences_are_those_of_runs_and_items_and_corrected_within_an_average(write_made_up: Any, tmp_path: Path) -> None:
    """The difference of one target is that of the table of differences, with the same interval."""
    for seed in (1, 2, 3):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, better=1, right={"qaf": 3 + (seed == 1)})
        write_made_up(intermediate="qqp", seed=seed, better=-1, right={"qae": 5 - (seed == 2)})
    found = analyse(tmp_path)
    rows = found.averages.set_index("intermediate")
    effects = found.effects[found.effects["group"] == ALL].set_index("intermediate")
    for name in ("difference", "low", "high", "p", "p_corrected", "seeds", "baseline_seeds", "baseline"):
        assert rows.loc[["mnli", "qqp"], name].tolist() == pytest.approx(effects.loc[["mnli", "qqp"], name].tolist()), name
    assert set(rows.loc[["mnli", "qqp"], "covers"]) == {RUNS_AND_ITEMS} and math.isnan(rows.loc["none", "difference"])


@pytest.mark.slow
def test_an_average_covers_the_variance_that_targets_share() -> None:
    """A run that is lucky is so in all targets: the interval of an average covers the true difference, here 0."""
    covered = []
    for repetition in range(120):
        own = simulated_targets(np.random.default_rng(repetition), dict.fromkeys("abcd", 0.0), shared_sd=1.0)
        rows = averages(own)
        covered += [row.low <= 0 <= row.high for row in rows.itertuples() if row.split == "test" and row.intermediate != "none"]
    assert np.mean(covered) >= 0.93


def test_the_table_has_what_it_is_over_in_the_same_row(tmp_path: Path) -> None:
    write_bucc(tmp_path)
    write_tydiqa(tmp_path)
    table = next(table for table in tables(analyse(tmp_path)) if table.name == "averages")
    row = dict(zip(table.header, [cell.text for cell in table.rows[0]], strict=True))
    assert row["average"] == "50.6" and row["benchmark"] == "XTREME" and "tydiqa is tested on validation" in row["over"]
    assert not math.isnan(table.data["gap"].iloc[0])
