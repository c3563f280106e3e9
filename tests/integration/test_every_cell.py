"""Every format and task from the real files through training to per-language results that its predictions give again."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from xstilts import metrics
from xstilts.calibration import calibration_error
from xstilts.config import Config
from xstilts.paths import ArtifactPaths, results_dir
from xstilts.reporting.example_texts import item_texts
from xstilts.sources import languages_with_data, source_of
from xstilts.sources.load import load
from xstilts.store.artifacts import read_metadata, verify
from xstilts.store.results import read_predictions, read_results
from xstilts.tasks.formats import format_of

FROM_DEV = "intermediate.tasks.{0}.train=validation:90% intermediate.tasks.{0}.validation=validation:-10%"
SNLI = FROM_DEV.format("snli") + " intermediate.tasks.snli.max_examples=96"
MNLI = "target.training.mnli.max_examples=96"
SQUAD = "target.training.squad_v1.max_examples=24"
CELLS = {
    "xcopa": "+intermediate=cosmosqa +target=xcopa intermediate.tasks.cosmosqa.max_examples=48 "
    "target.training.siqa.max_examples=48 "
    "target.training.siqa.train=validation:80% target.training.siqa.validation=validation:-20% " + FROM_DEV.format("cosmosqa"),
    "xnli": f"+intermediate=snli +target=xnli {SNLI} {MNLI}",
    "xquad": f"+intermediate=squad_v1 +target=xquad intermediate.tasks.squad_v1.max_examples=24 {SQUAD}",
    "mlqa": f"+target=mlqa {SQUAD}",
    "tydiqa": "+target=tydiqa target.training.tydiqa.max_examples=24 target.training.tydiqa.train=train:90% "
    "target.training.tydiqa.validation=train:-10%",
    "udpos": "+target=udpos target.training.udpos.max_examples=96",
    "panx": "+target=panx target.training.panx.max_examples=60",
    "pawsx": "+target=pawsx target.training.pawsx.max_examples=96",
    "tatoeba": f"+intermediate=snli +target=tatoeba {SNLI}",
    "bucc2018": "+target=bucc2018",
    "lareqa": "+target=lareqa target.training.lareqa.max_examples=64",
    "multitask": f"+intermediate=[snli,commonsenseqa,mlm] +target=xnli {SNLI} {MNLI} intermediate.tasks.mlm.languages=[de,fr] "
    "intermediate.tasks.commonsenseqa.max_examples=48 intermediate.tasks.mlm.max_examples=48 "
    "intermediate.tasks.mlm.task.sources.xtreme.files.train='tatoeba/{language}-en.{language}' "
    "intermediate.tasks.mlm.train=train:90% intermediate.tasks.mlm.validation=train:-10%",
}
SLOW = ("xcopa", "xnli", "udpos", "tatoeba", "lareqa", "multitask")
PHASES = {"xcopa": 3, "xnli": 2, "xquad": 2, "bucc2018": 0, "multitask": 2}
"""Artifacts of a cell; one where nothing is said."""
NO_GOLD = {
    "xcopa": {"test"},
    "pawsx": {"test"},
    "udpos": {"test"},
    "tydiqa": {"validation"},
    "xnli": {"test"},
    "multitask": {"test"},
}
"""Splits whose answers XTREME withholds in the folder at hand."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CELLS])
def test_a_cell_gives_results_that_its_predictions_give_again(
    name: str, run_inline: Callable[..., Any], real_options: tuple[str, ...], tmp_path: Path
) -> None:
    ran = run_inline(*real_options, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", *CELLS[name].split())
    result, config = ran.result, ran.config
    task = config.target.task

    assert [result] == read_results(results_dir(tmp_path / "out"))
    assert len(result["artifacts"]) == PHASES.get(name, 1)
    for artifact in result["artifacts"]:
        paths = ArtifactPaths(tmp_path / "store", artifact["kind"], artifact["fingerprint"])
        verify(paths.folder)
        assert read_metadata(paths.folder)["steps"] == 4
        assert not paths.work.exists()
    if result["artifacts"]:
        _load_as_the_card_says(paths.folder)

    expected = _expected_examples(config)
    (file,) = (tmp_path / "out" / "predictions").iterdir()
    predictions = read_predictions(file, confidence=True)
    assert all(row["confidence"] is not None for row in predictions)
    found = Counter((row["language"], row["split"], row["id"]) for row in predictions)
    assert found == Counter(expected), "every example exactly once"
    blocks = {(language, split) for language, split, _ in expected}
    assert {(row["language"], row["split"]) for row in result["rows"]} == blocks

    for language, split in blocks:
        rows = [row for row in result["rows"] if (row["language"], row["split"]) == (language, split)]
        mine = [row for row in predictions if (row["language"], row["split"]) == (language, split)]
        gold = [(row["gold"], row["prediction"]) for row in mine if row["gold"] is not None]
        assert all(row["examples"] == len(mine) for row in rows)
        if split in NO_GOLD.get(name, ()):
            assert not gold
            assert [row["value"] for row in rows] == [None]
            continue
        again = metrics.score(task.metrics[0], [g for g, _ in gold], [p for _, p in gold], language)
        sure = [row["confidence"] for row in mine if row["gold"] is not None]
        error = calibration_error(task.metrics[0], [g for g, _ in gold], [p for _, p in gold], sure, language)
        assert (error is None) == format_of(task).embeds
        again |= {} if error is None else {metrics.ECE: error}
        assert {row["metric"]: row["value"] for row in rows} == again

    for split in {split for _, split in blocks}:
        shown = {(row["language"], row["id"]) for row in predictions if row["split"] == split}
        texts = item_texts(result, split, shown)
        assert set(texts) == shown and all(one.text for one in texts.values())

    assert all(language in ran.table for language, _ in blocks)
    if name in NO_GOLD:
        assert "no gold" in ran.table


def _load_as_the_card_says(folder: Path) -> None:
    """The program text in the model card is run as it stands."""
    text = ModelCard.load(folder / "README.md").text
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    made: dict[str, Any] = {}
    with contextlib.chdir(folder):
        exec(compile(program, "README.md", "exec"), made)
    assert made["model"].config.vocab_size == len(made["tokenizer"])


def _expected_examples(config: Config) -> list[tuple[str, str, str]]:
    """Language, split and id of all examples that a prediction belongs to, straight from the source."""
    found = []
    for split in config.target.splits or config.target.task.evaluate:
        languages = languages_with_data(source_of(config.target.task, config.data), split)
        if languages:
            examples = load(source_of(config.target.task, config.data), split, languages, config.target.max_test_examples)
            sides = examples["side"] if "side" in examples.column_names else ["query"] * len(examples)
            columns = zip(examples["language"], examples["id"], sides, strict=True)
            found += [(language, split, identifier) for language, identifier, side in columns if side == "query"]
    return found
