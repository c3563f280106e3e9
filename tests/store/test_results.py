import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.store.results import Score, read_predictions, read_result, read_results, write_predictions, write_result

WRITE_FOR_A_WHILE = """
import json, sys
from pathlib import Path
from xstilts.store.results import write_result
result = json.loads(sys.argv[2])
for _ in range(40):
    write_result(Path(sys.argv[1]), result)
"""


def a_result(**changes: Any) -> dict[str, Any]:
    rows = [Score("xnli", "en", "test", "accuracy", 84.25, 5010), Score("xnli", "sw", "test", "accuracy", None, 5010)]
    result = {
        "schema": 1,
        "cell": {"study": "default", "intermediate": ["mnli"], "target": "xnli", "seed": 1, "model": "tiny"},
        "fingerprint": "0123",
        "artifacts": [],
        "rows": [row.as_dict() for row in rows],
        "degenerate": [],
        "versions": {},
        "config": {},
    }
    return result | changes


def prediction(**changes: Any) -> dict[str, Any]:
    row = {"task": "xnli", "language": "en", "split": "test", "id": "1", "cluster": "en/1", "prediction": "neutral", "gold": None}
    return row | changes


def test_a_result_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "results" / "cell.json"
    write_result(path, a_result())
    assert read_result(path) == a_result()
    assert os.listdir(path.parent) == ["cell.json"]


def test_a_row_has_layer_and_pooling_only_for_retrieval() -> None:
    assert Score("xnli", "en", "test", "accuracy", None, 3).as_dict() == {
        "task": "xnli",
        "language": "en",
        "split": "test",
        "metric": "accuracy",
        "value": None,
        "examples": 3,
    }
    row = Score("tatoeba", "sw", "test", "accuracy", 1.0, 3, layer=0, pooling="mean").as_dict()
    assert (row["layer"], row["pooling"]) == (0, "mean")


def test_a_result_must_be_complete(tmp_path: Path) -> None:
    incomplete = a_result()
    del incomplete["versions"]
    with pytest.raises(ValueError, match=r"cell\.json would be no result of a cell: versions is missing$"):
        write_result(tmp_path / "cell.json", incomplete)
    row = Score("xnli", "en", "test", "accuracy", 84.25, 5010).as_dict()
    with pytest.raises(ValueError, match=r"two rows for \('xnli', 'en', 'test', 'accuracy', None, None\)$"):
        write_result(tmp_path / "cell.json", a_result(rows=[row, row]))
    with pytest.raises(ValueError, match=r"rows\[0\].score is unknown$"):
        write_result(tmp_path / "cell.json", a_result(rows=[row | {"score": 1.0}]))
    with pytest.raises(UserError, match=r"^accuracy of xnli in 'en' \(test\) is nan: the model has diverged; train it again"):
        write_result(tmp_path / "cell.json", a_result(rows=[row | {"value": float("nan")}]))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": 1', r"cell\.json is no result of a cell: broken JSON \(.*\); delete the file and run its cell again$"),
        ('{"schema": 2}', r"cell\.json has schema 2, expected 1: update xstilts, or delete the file and run its cell again$"),
        ("{}", r"cell\.json has schema None, expected 1"),
        (
            json.dumps({"schema": 1, "cell": {}, "rows": []}),
            r"no result of a cell: fingerprint, artifacts, degenerate, versions, config missing;",
        ),
    ],
)
def test_a_broken_result(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "cell.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read_result(tmp_path / "cell.json")
    with pytest.raises(UserError, match=message):
        read_results(tmp_path)


def test_all_results_of_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_result(tmp_path / f"mnli.xnli.seed1.{name}.json", a_result(fingerprint=name))
    (tmp_path / ".d.json.tmp-0").write_text("half")
    (tmp_path / ".d.json").write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    assert [result["fingerprint"] for result in read_results(tmp_path)] == ["a", "b", "c"]


def test_no_folder_of_results(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^no folder of results at {tmp_path}/none: expected the output folder of a study"):
        read_results(tmp_path / "none")


@pytest.mark.slow
def test_concurrent_writers_never_show_a_torn_result(tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    versions = [a_result(fingerprint=name, versions={name: name * 100_000}) for name in "xyz"]
    write_result(path, versions[0])
    words = [sys.executable, "-c", WRITE_FOR_A_WHILE, str(path)]
    writers = [subprocess.Popen([*words, json.dumps(version)]) for version in versions]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        result = read_result(path)
        assert result in versions
        seen.add(result["fingerprint"])
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(seen) > 1
    assert os.listdir(tmp_path) == ["cell.json"]


text = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=25)  # the first example imports pyarrow
@given(st.lists(st.tuples(json_values, json_values), max_size=5))
def test_predictions_read_back_as_any_json(tmp_path_factory: pytest.TempPathFactory, values: list[tuple[Any, Any]]) -> None:
    path = tmp_path_factory.mktemp("predictions") / "cell.parquet"
    rows = [prediction(id=str(number), prediction=one, gold=other) for number, (one, other) in enumerate(values)]
    write_predictions(path, rows)
    assert read_predictions(path) == rows
    assert read_predictions(path, confidence=True) == [row | {"confidence": None} for row in rows]


def test_a_confidence_is_read_only_when_asked_for_and_an_older_file_has_none(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "cell.parquet"
    rows = [prediction() | {"confidence": {"yes": 0.75, "no": 0.25}}, prediction(id="2") | {"confidence": None}]
    write_predictions(path, rows)
    assert read_predictions(path, confidence=True) == rows
    without = read_predictions(path)
    assert without == [prediction(), prediction(id="2")]
    pq.write_table(pq.read_table(path).drop(["confidence"]), path)
    assert read_predictions(path) == without
    assert read_predictions(path, confidence=True) == [row | {"confidence": None} for row in without]


def test_the_table_has_plain_text_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "predictions" / "cell.parquet"
    write_predictions(path, [prediction(prediction=["B-PER", "O"]), prediction(id="2", prediction="ä", gold={"text": []})])
    table = pq.read_table(path)
    assert [(field.name, str(field.type)) for field in table.schema] == [
        (name, "string") for name in ("task", "language", "split", "id", "cluster", "prediction", "gold", "confidence")
    ]
    assert table["prediction"].to_pylist() == ['["B-PER", "O"]', '"ä"']
    assert table["gold"].to_pylist() == [None, '{"text": []}']
    assert os.listdir(path.parent) == ["cell.parquet"]


def test_every_example_occurs_once(tmp_path: Path) -> None:
    path = tmp_path / "cell.parquet"
    write_predictions(path, [prediction(), prediction(language="sw"), prediction(split="validation"), prediction(id="2")])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="^two predictions for id '1' of language 'sw', split 'test'$"):
        write_predictions(path, [prediction(), prediction(language="sw"), prediction(language="sw", prediction="other")])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["cell.parquet"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1"}, "^a prediction has the keys task, language, split, id, cluster, prediction, gold, confidence; got id$"),
        (prediction(score=1), "; got task, language, split, id, cluster, prediction, gold, score$"),
        (prediction(id=1), r"^task, .*, cluster of a prediction must be texts; got \['xnli', 'en', 'test', 1, 'en/1'\]$"),
        (prediction(prediction=float("nan")), "not JSON compliant"),
    ],
)
def test_a_prediction_must_be_well_formed(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_predictions(tmp_path / "cell.parquet", [row])
    assert os.listdir(tmp_path) == []


def test_predictions_that_cannot_be_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(UserError, match=f"^no predictions at {tmp_path}/a.parquet: run the cell again with store.refresh="):
        read_predictions(tmp_path / "a.parquet")
    write_predictions(tmp_path / "b.parquet", [prediction()])
    os.truncate(tmp_path / "b.parquet", (tmp_path / "b.parquet").stat().st_size - 10)
    with pytest.raises(UserError, match=r"b\.parquet is no Parquet file of predictions \(.*\): delete it with the result"):
        read_predictions(tmp_path / "b.parquet")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "c.parquet")
    with pytest.raises(UserError, match=r"c\.parquet has the columns id, expected task, .*, cluster, prediction, gold: "):
        read_predictions(tmp_path / "c.parquet")
