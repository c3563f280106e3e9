"""Our metrics equal the output of google-research/xtreme's evaluate.py on its mock predictions."""

import json
from pathlib import Path
from typing import Any

import pytest

from xstilts import metrics
from xstilts.metrics.tagging_f1 import precision_recall_f1, split_0_0_12, split_1_2_2
from xstilts.paths import CellPaths
from xstilts.reporting.analysis import analyse
from xstilts.store.results import name_of, write_result

METRIC = {
    "pawsx": "accuracy",
    "xnli": "accuracy",
    "panx": "xtreme_tagging_f1",
    "udpos": "xtreme_tagging_f1",
    "bucc2018": "bitext_f1",
    "tatoeba": "retrieval_accuracy",
    "xquad": "squad",
    "mlqa": "mlqa",
    "tydiqa": "squad",
    "mewslix": "mrr_at_20",
}
GROUPS = {
    "classification": ["pawsx", "xnli"],
    "tagging": ["udpos", "panx"],
    "qa": ["xquad", "mlqa", "tydiqa"],
    "retrieval": ["bucc2018", "tatoeba"],
}
SEQEVAL = {"0.0.12": ("f1_seqeval_0_0_12", split_0_0_12), "1.2.2": ("f1_seqeval_1_2_2", split_1_2_2)}


def read(task: str, gold_file: Path, prediction_file: Path) -> tuple[list[Any], list[Any]]:
    """Gold and predictions of one language, parallel."""
    gold_text, prediction_text = gold_file.read_text(encoding="utf-8"), prediction_file.read_text(encoding="utf-8")
    if gold_file.suffix == ".json":
        gold, predictions = json.loads(gold_text), json.loads(prediction_text)
        if "data" in gold:
            paragraphs = [paragraph for document in gold["data"] for paragraph in document["paragraphs"]]
            questions = [question for paragraph in paragraphs for question in paragraph["qas"]]
            gold = {question["id"]: [answer["text"] for answer in question["answers"]] for question in questions}
        return list(gold.values()), [predictions[key] for key in gold]
    if METRIC[task] == "xtreme_tagging_f1":
        split = [[sentence.split() for sentence in text.strip().split("\n\n")] for text in (gold_text, prediction_text)]
        return split[0], split[1]
    rows = [[line.strip() for line in text.splitlines()] for text in (gold_text, prediction_text)]
    if METRIC[task] == "retrieval_accuracy":
        return [[row] for row in rows[0]], [[row] for row in rows[1]]
    if METRIC[task] == "bitext_f1":
        pairs = [[tuple(row.split("\t")) for row in side] for side in rows]
        sources = sorted({source for side in pairs for source, _ in side})
        by_source = [[[target for other, target in side if other == source] for source in sources] for side in pairs]
        return by_source[0], by_source[1]
    return rows[0], rows[1]


def files(folder: Path, task: str) -> dict[str, tuple[Path, Path]]:
    found = sorted((folder / "labels" / task).iterdir())
    return {file.stem.removeprefix("test-"): (file, folder / "predictions" / task / file.name) for file in found}


@pytest.fixture(scope="module")
def mock(shared_data: Path) -> Path:
    return shared_data / "xtreme_mock"


@pytest.fixture(scope="module")
def ours(mock: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Task -> language -> values."""
    return {
        task: {language: metrics.score(metric, *read(task, *pair), language) for language, pair in files(mock, task).items()}
        for task, metric in METRIC.items()
    }


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("version", SEQEVAL)
def test_every_language_and_average(mock: Path, ours: dict[str, dict[str, dict[str, float]]], version: str) -> None:
    expected = json.loads((mock / "expected" / f"seqeval-{version}.json").read_text(encoding="utf-8"))
    tagging_key, split = SEQEVAL[version]
    task_scores: dict[str, float] = {}
    compared = 0
    for task, metric in METRIC.items():
        if task not in expected:
            continue
        values = {language: dict(of_language) for language, of_language in ours[task].items()}
        if metric == "xtreme_tagging_f1":
            for language, pair in files(mock, task).items():
                triple = precision_recall_f1(*read(task, *pair), split)
                values[language] |= dict(zip(("precision", "recall", "f1"), triple, strict=True))
                assert values[language]["f1"] == values[language][tagging_key]
        keys = [key for key in expected[task] if not key.startswith("avg_")]
        for key in keys:
            assert expected[task][key].keys() == values.keys()
            for language, value in expected[task][key].items():
                assert values[language][key] == pytest.approx(value, rel=1e-9), (task, key, language)
                compared += 1
            average = mean([values[language][key] for language in values])
            assert average == pytest.approx(expected[task][f"avg_{key}"], rel=1e-9), (task, key)
        averages = {key: mean([values[language][key] for language in values]) for key in next(iter(values.values()))}
        if metric == "xtreme_tagging_f1":
            averages[metrics.main_key(metric)] = averages[tagging_key]
        task_scores[task] = mean([averages[key] for key in metrics.score_keys(metric)])
        assert task_scores[task] == pytest.approx(expected[task]["avg_metric"], rel=1e-9), task
    for group, tasks in GROUPS.items():
        assert mean([task_scores[task] for task in tasks]) == pytest.approx(expected[group], rel=1e-9), group
    assert mean(list(task_scores.values())) == pytest.approx(expected["all_task"], rel=1e-9)
    assert len(task_scores) == 9 and compared == 22 + 3 * (40 + 33 + 4) + 36 + 2 * (11 + 7 + 9)


@pytest.mark.slow
def test_the_average_of_a_report(mock: Path, ours: dict[str, dict[str, dict[str, float]]], tmp_path: Path) -> None:
    expected = json.loads((mock / "expected" / "seqeval-0.0.12.json").read_text(encoding="utf-8"))
    for place, task in enumerate(sorted(expected.keys() & METRIC.keys())):
        split = "validation" if task == "tydiqa" else "test"
        rows = [
            {"task": task, "language": language, "split": split, "metric": key, "value": value, "examples": 1}
            for language, values in ours[task].items()
            for key, value in values.items()
        ]
        cell = {"study": "mock", "intermediate": ["none"], "target": task, "seed": 1, "source_language": "en"}
        config = {"target": {"task": {"name": task, "metrics": [METRIC[task]], "evaluate": [split]}}}
        result = {"schema": 1, "cell": cell, "fingerprint": f"{place:020x}", "artifacts": [], "rows": rows}
        result |= {"degenerate": [], "versions": {}, "config": config}
        write_result(CellPaths(tmp_path, name_of(result)).result, result)
    headline, row = analyse(tmp_path).averages.itertuples()
    assert (headline.benchmark, row.benchmark, row.split) == ("XTREME", "XTREME average", "test")
    assert row.average == pytest.approx(expected["all_task"], rel=1e-9) and row.tasks == 9 and headline.average > row.average
    told = "9 of 9 tasks; tydiqa is tested on validation"
    assert row.over == headline.over == f"{told}; gap of mlqa, panx, pawsx, tydiqa, udpos, xnli, xquad"


def test_the_two_seqeval_versions_differ_on_pos_and_agree_on_ner(ours: dict[str, dict[str, dict[str, float]]]) -> None:
    average = {key: mean([values[key] for values in ours["udpos"].values()]) for key in ours["udpos"]["en"]}
    assert average["f1_seqeval_0_0_12"] == pytest.approx(70.21746048354693, rel=1e-9)
    assert average["f1_seqeval_1_2_2"] == pytest.approx(70.39805810699043, rel=1e-9)
    assert average["accuracy"] == pytest.approx(74.19, abs=0.005)
    assert all(values["f1_seqeval_0_0_12"] == values["f1_seqeval_1_2_2"] for values in ours["panx"].values())


def test_entity_linking_ranks(mock: Path, ours: dict[str, dict[str, dict[str, float]]]) -> None:
    """The official files of expected values hold no Mewsli-X: one mention per language, so its rank says all."""
    for language, (gold_file, prediction_file) in files(mock, "mewslix").items():
        ((mention, (entity,)),) = json.loads(gold_file.read_text()).items()
        ranked = json.loads(prediction_file.read_text())[mention]
        expected = 100 / (1 + ranked.index(entity)) if entity in ranked else 0.0
        assert ours["mewslix"][language]["mrr_at_20"] == pytest.approx(expected)
    assert ours["mewslix"]["ar"]["mrr_at_20"] == pytest.approx(100 / 16)
