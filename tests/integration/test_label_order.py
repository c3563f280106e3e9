"""The order of the trained labels is the task's, never the source's: the same rows give the same model and the same predictions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from xstilts.sources.load import load
from xstilts.store.results import read_predictions

HUB = {"0": "entailment", "1": "neutral", "2": "contradiction"}
"""facebook/xnli's order; neither the task's nor that of the first rows."""
PERMUTED = {"7": "neutral", "0": "contradiction", "3": "entailment"}
WRONG = {"0": "contradiction", "1": "entailment", "2": "neutral"}
"""The task's own order, read into rows of the Hub's."""


def as_parquet(root: Path, folder: Path, ids: Mapping[str, str]) -> None:
    """The files of xnli/ as rows in the Hub's schema, with the integer that `ids` has for a label; -1 where there is none."""
    number = {label: int(key) for key, label in ids.items()}
    for path in (root / "xnli").glob("*.tsv"):
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        table = [{"premise": a, "hypothesis": b, "label": number[label[0]] if label else -1} for a, b, *label in rows]
        split, language = path.stem.split("-")
        (folder / language).mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.Table.from_pylist(table), folder / language / f"{split}.parquet")


def source(ids: Mapping[str, str]) -> str:
    """That of the Hub, but for the place of the files."""
    files = {
        split: f"{{language}}/{name}.parquet" for split, name in (("train", "train"), ("validation", "dev"), ("test", "test"))
    }
    columns = {"text_a": "premise", "text_b": "hypothesis"}
    return json.dumps({"reader": "parquet", "files": files, "columns": columns, "labels": {**ids, "-1": ""}})


@pytest.fixture
def cell(run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path) -> Callable[..., Any]:
    """Train and evaluate on the folder's files, or on rows with the integers `written`, which are read as `ids` says."""

    def run(written: Mapping[str, str] | None = None, ids: Mapping[str, str] | None = None) -> Any:
        overrides = [
            *toy_world.options,
            "+target=xnli",
            "seed=3",
            f"store.root={tmp_path / 'store'}",
            f"output={tmp_path / 'out'}",
        ]
        if written is not None:
            root = tmp_path / "-".join([*written, *(ids or written).values()])
            as_parquet(toy_world.root, root, written)
            tasks = ("target.task", "target.training.mnli.task")
            overrides += [
                f"data.root={root}",
                "data.source=rows",
                *(f"+{t}.sources.rows={source(ids or written)}" for t in tasks),
            ]
        return run_inline(*overrides)

    return run


@pytest.mark.slow
def test_integers_in_any_order_and_words_give_the_same_model(
    cell: Callable[..., Any], tmp_path: Path, weights_of: Callable[[Path], dict[str, str]]
) -> None:
    def seen(ran: Any) -> tuple[Any, ...]:
        """Weights, the order of labels kept with them, scores, and predictions."""
        artifact = tmp_path / "store" / "trained" / ran.result["artifacts"][-1]["fingerprint"]
        (path,) = (tmp_path / "out" / "predictions").glob(f"*.{ran.result['fingerprint'][:8]}.parquet")
        return weights_of(artifact), json.loads((artifact / "config.json").read_text())["id2label"], ran.result["rows"], (
            read_predictions(path)
        )  # fmt: skip

    words, hub, permuted = cell(), cell(HUB), cell(PERMUTED)
    task = words.config.target.task
    assert task.labels == ["contradiction", "entailment", "neutral"] != list(HUB.values())
    first = load(words.config.target.training["mnli"].task, words.config.data, "train", ["en"]).to_list()
    assert [example["label"] for example in first[:3]] == ["entailment", "neutral", "contradiction"]
    for other in (hub, permuted):
        training = other.config.target.training["mnli"]
        assert load(training.task, other.config.data, "train", ["en"]).to_list() == first
        assert other.result["fingerprint"] != words.result["fingerprint"]  # trained anew, from other files
        assert seen(other) == seen(words)
    weights, labels, rows, predictions = seen(words)
    assert labels == {"0": "contradiction", "1": "entailment", "2": "neutral"} and "model.safetensors" in weights
    assert {row["prediction"] for row in predictions} <= set(task.labels)
    assert {row["gold"] for row in predictions if row["split"] == "validation"} == set(task.labels)

    wrong = cell(HUB, WRONG)  # the comparison would notice
    assert seen(wrong)[0] != weights and seen(wrong)[2] != rows
