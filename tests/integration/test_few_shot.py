"""Whole cells with a few examples of another language, and with translations: what they train on, share, and are evaluated on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError
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


TRANSLATED = {"pawsx": "pawsx/translated/test-{}-en-translated.tsv", "xnli": "xnli/XNLI-Translated/test-{}-en-translated.tsv"}


@pytest.fixture
def translated_world(toy_world: Any, tmp_path: Path) -> Any:
    """The toy world with translated tests and training sets of PAWS-X and XNLI, where XTREME's scripts look for them."""
    world = toy_world.copy(tmp_path)
    for task, test in TRANSLATED.items():
        for language in ("de", "fr"):
            for path, source in ((test, f"{task}/dev-en.tsv"), (test.replace("test-{}-en", "en-{}"), f"{task}/train-en.tsv")):
                file = world.root / path.format(language)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes((world.root / source).read_bytes())
    return world


def test_translate_test_shares_phase_3_and_scores_every_translated_test(
    run_inline: Callable[..., Any], translated_world: Any, tmp_path: Path
) -> None:
    cell = (*translated_world.options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    plain, translated = (run_inline(*cell, f"+target={name}").result for name in ("pawsx", "pawsx_translate_test"))
    assert plain["artifacts"] == translated["artifacts"]
    scored = {row["language"]: row["value"] for row in translated["rows"] if row["metric"] == "accuracy"}
    assert scored["en"] is None, "XTREME's folder has no labels of the original"
    assert scored["de"] is not None and scored["fr"] is not None
    assert {one.target for one in comparisons(tmp_path / "out")} == {"pawsx", "pawsx_translate_test"}


def test_translate_train_reads_the_translations(
    compose_config: Callable[..., Any], translated_world: Any, tmp_path: Path
) -> None:
    options = (*translated_world.options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    few = "target.training.{0}.languages=[en,de,fr]"
    for task in TRANSLATED:
        cell = plan(resolve(compose_config(*options, f"+target={task}_translate_train", few.format(task))))
        (data,) = cell.training[-1].job.tasks.values()
        assert sorted(data.train.checksums) == [f"train/{code}/data" for code in ("de", "en", "fr")]
        assert data.train.checksums["train/de/data"] == data.train.checksums["train/en/data"], "the copies of this test"


@pytest.mark.parametrize("target", ["xnli_translate_test", "pawsx_translate_test"])
def test_translated_tests_are_refused_where_there_are_none(
    target: str, compose_config: Callable[..., Any], toy_world: Any, tmp_path: Path
) -> None:
    for data in ("hub", "babel"):
        with pytest.raises(UserError, match=f"task {target} cannot be read from data={data}: .*type data"):
            compose_config(f"data={data}", f"model.tokenizer={toy_world.tokenizer}", f"+target={target}")


def test_the_study_of_translate_test_plans(translated_world: Any, tmp_path: Path) -> None:
    chosen = ("+intermediate=none,squad_v1", "+target=pawsx,pawsx_translate_test", "seed=1,2", f"store.root={tmp_path / 'store'}")
    words = [sys.executable, "-m", "xstilts", "plan", "+experiments=translate_test", *translated_world.options, *chosen]
    ran = subprocess.run([*words, f"output={tmp_path / 'out'}"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0 and "8 cells; 6 training phases" in ran.stdout, ran.stdout + ran.stderr
