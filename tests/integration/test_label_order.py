"""The order of the trained labels is the task's, never the source's: the same rows give the same model and predictions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from xstilts import train
from xstilts.config import Config
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.store.results import read_predictions
from xstilts.tasks.declaration import SPLITS, Source

HUB = {"0": "entailment", "1": "neutral", "2": "contradiction"}
"""facebook/xnli's order; neither the task's nor that of the first rows."""
PERMUTED = {"7": "neutral", "0": "contradiction", "3": "entailment"}
WRONG = {"0": "contradiction", "1": "entailment", "2": "neutral"}
"""The task's own order, read into rows of the Hub's."""
LEARNING = ("target.recipe.learning_rate=0.003", "target.recipe.max_steps=24", "model.tiny.initializer_range=0.3")
"""Predictions that differ between examples."""


def as_parquet(root: Path, folder: Path, ids: Mapping[str, str]) -> None:
    """The files of xnli/ as rows in the Hub's schema, with the integer that `ids` has for a label; null without one."""
    number = {label: int(key) for key, label in ids.items()}
    for path in (root / "xnli").glob("*.tsv"):
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        table = [{"premise": a, "hypothesis": b, "label": number[label[0]] if label else None} for a, b, *label in rows]
        split, language = path.stem.split("-")
        (folder / language).mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.Table.from_pylist(table), folder / language / f"{split}.parquet")


def source(ids: Mapping[str, str]) -> Source:
    """Return the source of the Hub with local files."""
    files = {split: f"{{language}}/{name}.parquet" for split, name in zip(SPLITS, ("train", "dev", "test"), strict=True)}
    return Source(reader="parquet", files=files, columns={"text_a": "premise", "text_b": "hypothesis"}, labels=dict(ids))


@pytest.fixture
def cell(run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Train and evaluate on the folder's files, or on rows with the integers `written`, which are read as `ids` says."""
    to_schema = train.to_schema

    def run(written: Mapping[str, str] | None = None, ids: Mapping[str, str] | None = None) -> Any:
        folders = [f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}"]
        overrides = [*toy_world.options, *LEARNING, *folders, "+target=xnli"]
        if written is None:
            return run_inline(*overrides)
        root = tmp_path / "-".join([*written, *(ids or written).values()])
        as_parquet(toy_world.root, root, written)

        def with_source(composed: Any) -> Config:
            config = to_schema(composed)
            for task in (config.target.task, *(training.task for training in config.target.training.values())):
                task.sources["rows"] = source(ids or written)
            return config

        monkeypatch.setattr(train, "to_schema", with_source)
        return run_inline(*overrides, f"data.root={root}", "data.source=rows")

    return run


@pytest.mark.slow
def test_integers_in_any_order_and_words_give_the_same_model(
    cell: Callable[..., Any], tmp_path: Path, weights_of: Callable[[Path], dict[str, str]]
) -> None:
    def seen(ran: Any) -> tuple[Any, ...]:
        """Weights, the order of labels kept with them, scores, and predictions."""
        artifact = tmp_path / "store" / "trained" / ran.result["artifacts"][-1]["fingerprint"]
        (path,) = (tmp_path / "out" / "predictions").glob(f"*.{ran.result['fingerprint'][:8]}.parquet")
        labels = json.loads((artifact / "config.json").read_text())["id2label"]
        return weights_of(artifact), labels, ran.result["rows"], read_predictions(path)

    words, hub, permuted = cell(), cell(HUB), cell(PERMUTED)
    task = words.config.target.task
    assert task.labels == ["contradiction", "entailment", "neutral"] != list(HUB.values())
    first = load(source_of(words.config.target.training["mnli"].task, words.config.data), "train", ["en"]).to_list()
    assert [example["label"] for example in first[:3]] == ["entailment", "neutral", "contradiction"]
    for other in (hub, permuted):
        training = other.config.target.training["mnli"]
        assert load(source_of(training.task, other.config.data), "train", ["en"]).to_list() == first
        assert other.result["fingerprint"] != words.result["fingerprint"]  # trained anew, from other files
        assert seen(other) == seen(words)
    weights, labels, _, predictions = seen(words)
    assert labels == {"0": "contradiction", "1": "entailment", "2": "neutral"} and "model.safetensors" in weights
    given = {row["prediction"] for row in predictions}
    assert len(given) > 1 and given <= set(task.labels)
    assert {row["gold"] for row in predictions if row["split"] == "validation"} == set(task.labels)

    wrong = cell(HUB, WRONG)  # the comparison would notice
    assert seen(wrong)[0] != weights and seen(wrong)[3] != predictions
