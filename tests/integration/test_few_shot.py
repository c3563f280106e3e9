"""Whole cells with a few examples of another language: what they train on, what they share, and what is evaluated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.data.tokenizer import load_tokenizer
from xstilts.reporting.comparison import comparisons
from xstilts.store.results import cell_predictions
from xstilts.training.fit import data_of


def test_draws_are_runs_that_share_phase_3_and_are_evaluated_on_other_examples(
    run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path
) -> None:
    folders = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    few = ("target.few_shot.language=de", "target.few_shot.split=validation:50%", "target.few_shot.from_seed=1")
    cell = (*toy_world.options, *folders, "+target=pawsx", "target.splits=[validation]", *few)
    ran = [run_inline(*cell, f"target.few_shot.k={k}", f"seed={seed}") for k, seed in ((0, 1), (4, 1), (4, 2))]
    lineages = [[one["fingerprint"] for one in cell.result["artifacts"]] for cell in ran]
    assert [len(lineage) for lineage in lineages] == [1, 2, 2]
    assert len({lineage[0] for lineage in lineages}) == 1 and lineages[1][1] != lineages[2][1]

    evaluated = [{(row["language"], row["id"]) for row in cell_predictions(tmp_path / "out", one.result)} for one in ran]
    assert evaluated[0] == evaluated[1] == evaluated[2] and {code for code, _ in evaluated[0]} == {"en", "de", "fr"}
    drawn = []
    for one in ran[1:]:
        job = plan(resolve(one.config)).training[-1].job
        data = data_of(job, load_tokenizer(job.tokenizer))
        data.setup("fit")
        (examples,) = (task.examples for task in data.training.values())
        assert set(examples["language"]) == {"de"} and len(examples) == 4
        drawn.append(set(examples["id"]))
    assert drawn[0] != drawn[1], "each seed draws its own"
    assert not {name for _, name in evaluated[0]} & (drawn[0] | drawn[1]), "neither they nor their translations are evaluated"

    by_k = {one.settings["target.few_shot.k"]: one.cells for one in comparisons(tmp_path / "out")}
    assert {k: list(cells["none"]) for k, cells in by_k.items()} == {"0": [1], "4": [1, 2]}, "a draw is a run"
