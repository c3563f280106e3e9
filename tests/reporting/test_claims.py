"""The paper's claims are tested on a study, or the table says why not."""

from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame

from tests.reporting.simulated_targets import simulated_targets
from tests.reporting.test_averages import around, of_xtreme, write
from xstilts.reporting.analysis import analyse
from xstilts.reporting.claims import BEST, NINE, PAPER, SINGLE, claims
from xstilts.reporting.contrasts import Scored
from xstilts.reporting.extras import extras
from xstilts.reporting.tables import tables
from xstilts.reporting.views.html.page import render
from xstilts.reporting.views.terminal import study_text

GAINS = dict.fromkeys(SINGLE, 4.0) | dict.fromkeys(BEST, 7.0) | {"multitask": 8.0}


def study(gains: dict[str, float] = GAINS, targets: tuple[str, ...] = NINE, seeds: int = 3) -> list[Scored]:
    return simulated_targets(
        np.random.default_rng(0), gains, targets, seeds, run_sd=0.5, shared_sd=0.1, own_sd=0.1, parts={"xnli": 0.0}
    )


def verdicts(own: list[Scored]) -> DataFrame:
    return claims(own).set_index("claim")


def test_every_claim_has_a_verdict() -> None:
    rows = verdicts(study())
    assert rows.index.tolist() == [claim.text for claim in PAPER]
    assert rows.loc["SQuAD 1.1 helps on average", ["verdict", "paper", "split"]].tolist() == ["supported", 8.2, "dev"]
    assert rows.loc["SQuAD 1.1 helps on average", "difference"] == pytest.approx(7 * 8 / 9, abs=1)
    supported = rows[rows["verdict"] == "supported"]
    assert {"BUCC gains from single tasks", "Tatoeba gains from single tasks", "XNLI does not gain from single tasks"} <= set(
        supported.index
    )
    assert "MNLI, SQuAD 1.1 and HellaSwag are better than the other single tasks" in supported.index
    assert rows.loc["the best choice for each target helps on average", "verdict"] == "supported"
    told = rows.loc["masked language modelling beside a task does not help", "verdict"]
    assert told == "cannot be tested with these results: no results of hellaswag_mlm, mnli_mlm, squad_v1_mlm"
    assert rows.loc["BUCC gains from single tasks", "targets"] == 1 and (rows["p_corrected"].dropna() <= 1).all()


def test_claims_can_be_contradicted() -> None:
    rows = verdicts(study(GAINS | {"squad_v1": -6.0}))
    assert rows.loc["SQuAD 1.1 helps on average", "verdict"] == "contradicted"
    mlm = {"nli": 0.0, "nli_translated": 6.0, "squad": 0.0, "squad_translated": -6.0}
    rows = verdicts(study(mlm))
    assert rows.loc["machine-translated inference data are no better than English ones", "verdict"] == "contradicted"
    assert rows.loc["machine-translated SQuAD is no better than English", "verdict"] == "supported", "as a loss is no gain"


def test_one_run_tests_nothing() -> None:
    rows = verdicts(study(seeds=1))
    assert all(verdict.startswith("cannot be tested") for verdict in rows["verdict"]) and rows["p"].isna().all()
    assert rows.loc["MNLI helps on average", "verdict"] == "cannot be tested with one run"


def test_targets_that_are_missing_are_named() -> None:
    rows = verdicts(study(targets=("xnli", "bucc2018")))
    assert rows.loc["MNLI helps on average", "over"].startswith("xnli, bucc2018; without ")
    told = rows.loc["Tatoeba gains from single tasks", "verdict"]
    assert told == "cannot be tested with these results: no results of tatoeba with these choices"


def test_other_studies_have_no_such_table() -> None:
    assert claims(study({"mine": 1.0, "other": 2.0})).empty and claims(study(targets=("mine",))).empty


def test_dev_is_the_only_split_where_there_is_one() -> None:
    """TyDiQA has the validation split alone, Tatoeba the test."""
    tydiqa = simulated_targets(
        np.random.default_rng(0), GAINS, ("tydiqa",), splits=("validation",), evaluate=("validation",), run_sd=0.1, shared_sd=0.1
    )
    tatoeba = simulated_targets(
        np.random.default_rng(1), GAINS, ("tatoeba",), splits=("test",), evaluate=("test",), shared_sd=0.1
    )
    rows = verdicts(tydiqa + tatoeba)
    assert rows.loc["MNLI helps on average", "targets"] == 2
    assert rows.loc["the best choice for each target helps on average", "verdict"].startswith("cannot be tested with these")


@pytest.mark.slow
def test_all_views_show_the_same(tmp_path: Path) -> None:
    for seed in (1, 2):
        for choice, more in {"none": 0, "mnli": 5, "squad_v1": 1}.items():
            values = {"accuracy": around(60 + more + seed / 10, of_xtreme("xnli"))}
            write(tmp_path, "xnli", "accuracy", {"validation": values, "test": values}, intermediate=choice, seed=seed)
    found = analyse(tmp_path)
    table = next(table for table in tables(found) if table.name == "claims")
    row = next(row for row in table.rows if row[0].text.startswith("MNLI helps"))
    texts = [cell.text for cell in row]
    assert texts[:4] == ["MNLI helps on average (unconfirmed)", "+7.5", "dev", "+5.0"]
    assert "without pawsx" in texts[-1] or "without bucc2018" in texts[-1]
    page, terminal = render(found, extras(found)), study_text(found)
    for shown in (page, terminal):
        assert "MNLI helps on average (unconfirmed)" in shown and row[3].below.split(",")[0].strip("[") in shown
    assert "The paper&#39;s claims" in page
