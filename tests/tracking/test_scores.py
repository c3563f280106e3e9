"""The scores of a result on a dashboard."""

from xstilts.tracking import scores

ROWS = [
    {"task": "xnli", "language": language, "split": split, "metric": "accuracy", "value": value, "examples": 10}
    for split, values in (("validation", (80.0, 70.0, 60.0)), ("test", (90.0, 70.0, 50.0)))
    for language, value in zip(("en", "de", "sw"), values, strict=True)
]
RESULT = {"cell": {"target": "xnli"}, "rows": ROWS, "config": {"target": {"task": {"metrics": ["accuracy"]}}}}


def test_the_table_is_the_result_file():
    assert scores.table(RESULT)[4] == ["de", "test", "accuracy", None, None, 70.0, 10]


def test_the_summary_sorts_by_split_and_metric_and_has_the_main_score_apart():
    found = scores.summary(RESULT)
    assert found["validation/accuracy/sw"] == 60.0 and found["test/accuracy/sw"] == 50.0
    assert (
        found["test/accuracy/mean of the others"] == found["xnli/mean of the others"] == found["score/mean of the others"] == 60.0
    )
    assert found["test/accuracy/transfer gap"] == found["xnli/transfer gap"] == 30.0


def test_gaps_are_of_the_last_split_with_gold():
    assert scores.gaps(RESULT) == [("sw", 40.0), ("de", 20.0), ("mean of the others", 30.0)]
    without = RESULT | {"rows": [row | {"value": None} if row["split"] == "test" else row for row in ROWS]}
    assert scores.gaps(without)[-1] == ("mean of the others", 15.0)
    assert "test/accuracy/de" not in scores.summary(without)


def test_of_retrieval_every_layer_has_its_keys_and_the_first_is_the_main_score():
    rows = [row | {"layer": layer, "pooling": "mean", "value": row["value"] - layer} for layer in (8, 12) for row in ROWS[3:]]
    found = scores.summary(RESULT | {"rows": rows})
    assert found["test/accuracy, layer 12, mean/en"] == 78.0 and found["score/en"] == 82.0


def test_without_any_gold_there_is_nothing_to_show():
    empty = RESULT | {"rows": [row | {"value": None} for row in ROWS]}
    assert scores.summary(empty) == {} and scores.gaps(empty) == [] and scores.main_scores(empty) == []
    assert len(scores.table(empty)) == 6
