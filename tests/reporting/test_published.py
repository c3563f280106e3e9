import dataclasses
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame

from xstilts.reporting.analysis import SCORES, analyse
from xstilts.reporting.published import AVERAGE, BESIDE, OURS, THEIRS, beside, published

Write = Any


def value(table: DataFrame, *where: str) -> list[float]:
    keys = zip(("target", "model", "metric", "language"), where, strict=False)
    for key, wanted in keys:
        table = table[table[key] == wanted]
    return sorted(table["value"].tolist())


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (("xnli", "X-STILTs", "accuracy", AVERAGE), [80.0, 80.4]),  # the leaderboard, and as multilingual T5 quotes it
        (("xquad", "X-STILTs", "exact_match"), [63.3]),
        (("xquad", "X-STILTs", "f1"), [77.2, 78.7]),
        (("tydiqa", "XLM-R Large", "exact_match"), [45.0]),
        (("udpos", "mBERT"), []),
        (("udpos", "X-STILTs", "f1"), [74.9]),
        (("xtreme", "X-STILTs", AVERAGE), [73.5]),
        (("xtreme", "XLM-R Large, on Tatoeba tuned on SQuAD", AVERAGE), [68.1]),
        (("tatoeba", "XLM-R Large, tuned on SQuAD", "accuracy"), [57.3]),
        (("tatoeba", "X-STILTs"), []),
        (("xcopa", "XLM-R Large", "accuracy", AVERAGE), [68.69]),
        (("xcopa", "XLM-R Large", "accuracy", "ht"), [50.0]),
        (("xquad, 12 languages", "XLM-R Large", "f1", "ro"), [83.6]),
    ],
)
def test_scores_as_they_were_published(where: tuple[str, ...], expected: list[float]) -> None:
    assert value(published(), *where) == expected


def test_every_score_says_where_it_was_read_and_none_is_told_twice() -> None:
    table = published()
    assert (table["source"].str.len() > 10).all() and table["value"].between(0, 100).all()
    assert not table.duplicated(["target", "model", "metric", "language", "source"]).any()


def test_a_mean_over_languages_is_that_of_its_languages() -> None:
    table = published()
    for target in ("xcopa", "xquad, 12 languages"):
        own = table[(table["target"] == target) & (table["model"] == "XLM-R Large") & ~table["metric"].isin(["exact_match"])]
        mean = own[own["language"] != AVERAGE]["value"].mean()
        assert mean == pytest.approx(own.loc[own["language"] == AVERAGE, "value"].item(), abs=0.1)


def test_a_synthetic_world_has_nothing_beside_it(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    found = beside(analyse(tmp_path))
    assert found.empty and list(found.columns) == BESIDE


def test_own_scores_stand_before_the_published_ones_of_their_metric(write_made_up: Write, tmp_path: Path) -> None:
    """Over the languages that XTREME has: `ro` is XTREME-R's."""
    write_made_up()
    rows = [
        ["xquad", "", choice, seed, code, metric, "test", None, None, score + seed, 10, code == "en", metric == "f1", False]
        for choice in ("none", "mnli")
        for seed in (1, 2)
        for metric, score in (("f1", 60.0), ("exact_match", 40.0))
        for code in ("en", "de", "ro")
    ]
    rows += [["xquad", "", "none", 1, "de", "f1", "validation", None, None, 5.0, 10, False, False, False]]
    rows += [["mlqa_cross", "", "none", 1, "de", "f1", "test", None, None, 5.0, 10, False, True, False]]
    real = dataclasses.replace(analyse(tmp_path), synthetic=False, source="en", scores=DataFrame(rows, columns=SCORES))
    found = beside(real)
    assert set(found["target"]) == {"xquad"}
    ours = found[found["from"] == OURS]
    assert ours["metric"].tolist() == ["exact_match", "exact_match", "f1", "f1"] and set(ours["languages"]) == {"2 of 11"}
    assert ours["value"].tolist() == pytest.approx([41.5, 41.5, 61.5, 61.5]) and set(ours["source"]) == {""}
    theirs = found[found["from"] == THEIRS]
    assert {"X-STILTs", "XLM-R Large", "mBERT"} <= set(theirs["model"]) and (theirs["source"] != "").all()
    assert found["metric"].tolist() == sorted(found["metric"]), "metric by metric"


def test_conditions_with_other_splits_and_layers_are_not_mixed(write_made_up: Write, tmp_path: Path) -> None:
    """Each mean is over one split, the first layer, and the languages that all seeds have."""
    write_made_up()
    cell = ["tatoeba", "", "none"]
    rows = [
        [*cell, seed, code, "accuracy", split, layer, "mean", value, 10, False, (split, layer) == ("test", 1), False]
        for seed, code in ((1, "de"), (1, "fr"), (2, "de"))
        for split, layer, value in (("test", 1, 50.0), ("test", 2, 90.0), ("validation", 1, 10.0))
    ]
    rows += [["tatoeba", "other", "none", 1, "de", "accuracy", "validation", 1, "mean", 30.0, 10, False, True, False]]
    rows += [["tatoeba", "other", "none", 1, "de", "accuracy", "test", 1, "mean", 70.0, 10, False, False, False]]
    real = dataclasses.replace(analyse(tmp_path), synthetic=False, source="en", scores=DataFrame(rows, columns=SCORES))
    ours = beside(real).query("`from` == @OURS")
    found = ours[["model", "split", "languages", "value"]].to_numpy().tolist()
    assert found == [["none", "test", "1 of 36", 50.0], ["none other", "validation", "1 of 36", 30.0]]
