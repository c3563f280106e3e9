"""Results in the output folder give the run SD that a plan assumes without them."""

import logging
import math
from pathlib import Path

import numpy as np
import pytest

import xstilts
from xstilts.jobs import EvaluationJob
from xstilts.reporting.declared import typed
from xstilts.store.results import write_result
from xstilts.study.detectable import _planned_result

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(tmp_path: Path) -> xstilts.Plan:
    """The plan of a choice and the baseline with three seeds."""
    places = f"store.root={tmp_path}/store", f"output={tmp_path}/out"
    return xstilts.plan("data=babel_micro", "+intermediate=none,snli", "+target=xnli", "seed=1,2,3", *places)


def finish(job: EvaluationJob, score: float) -> None:
    """Write the result of a job, with the same score in all languages."""
    result = _planned_result(job)
    path = Path(job.result)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_result(path, {**result, "rows": [row | {"value": score} for row in result["rows"]], "degenerate": [], "versions": {}})


def test_results_of_the_study_replace_the_assumed_run_sd(plan: xstilts.Plan) -> None:
    assumed = plan.detectable
    assert assumed["run_sd"].tolist() == [0.5, 1.0, 2.0] and not assumed["measured"].any()
    scores = np.random.default_rng(0).normal(60, 3, (2, 3))
    for cell in plan.cells:
        assert cell.plan
        finish(cell.plan.evaluation, scores[int(bool(cell.plan.config.intermediate.tasks)), cell.plan.config.seed - 1])
    (row,) = plan.detectable.to_dict("records")
    assert row["measured"] and row["run_sd"] == pytest.approx(math.sqrt(scores.var(axis=1, ddof=1).mean()), rel=0.05)
    by_run_sd = [*zip(assumed["run_sd"], assumed["effect"], strict=True), (row["run_sd"], row["effect"])]
    assert sorted(by_run_sd) == sorted(by_run_sd, key=lambda pair: pair[1]), "its effect lies where its run SD lies"
    shown = " ".join(str(plan).split())
    assert f"{row['run_sd']:.2g} measured {row['effect']:.1f} {row['corrected']:.1f}" in shown
    assert "standard deviation between seeds, measured in finished results of the study;" in shown


def test_broken_results_do_not_stop_a_plan(plan: xstilts.Plan, caplog: pytest.LogCaptureFixture) -> None:
    job = next(cell.plan.evaluation for cell in plan.cells if cell.plan)
    finish(job, 50.0)
    Path(job.result).write_text("{")
    with caplog.at_level(logging.INFO, "xstilts"):
        assert not plan.detectable["measured"].any()
    assert (
        "run SDs are assumed, because results of the study cannot be used" in caplog.text and Path(job.result).name in caplog.text
    )


def test_primary_comparisons_come_first(plan: xstilts.Plan) -> None:
    declared = typed({"primary": {"helps": {"kind": "contrast", "a": ["snli"], "b": ["none"], "expect": "positive"}}})
    for cell in plan.cells:
        assert cell.plan
        cell.plan.config.analysis = declared
    found = plan.detectable
    assert found["comparison"].tolist() == ["helps"] * 3 + [""] * 3
    helps, grid = (found.loc[found["comparison"] == name, "effect"].to_numpy() for name in ("helps", ""))
    assert helps == pytest.approx(grid, rel=0.05), "here they are about the same difference"
    shown = " ".join(str(plan).split())
    assert f"helps xnli 3 0.5, 1, 2 {', '.join(f'{value:.1f}' for value in helps)}" in shown
    assert "primary comparison: a true value of this size, in points, is found" in shown
