"""The front door of the metrics room."""

import importlib

import pytest

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.tasks.declaration import FORMATS, PROTOCOLS

EXAMPLES = {
    "accuracy": (["a", "b"], ["a", "c"]),
    "squad": ([["x"], []], ["x", "y"]),
    "mlqa": ([["x"], []], ["x", "y"]),
    "tagging_f1": ([["B-PER", "O"], ["O"]], [["B-PER", "O"], ["B-PER"]]),
    "xtreme_tagging_f1": ([["B-PER", "O"], ["O"]], [["B-PER", "O"], ["B-PER"]]),
    "token_accuracy": ([["B-PER", "O"], ["O"]], [["B-PER", "O"], ["B-PER"]]),
    "retrieval_accuracy": ([["1"], ["2"]], [["1", "2"], ["1", "2"]]),
    "bitext_f1": ([["1"], ["2"]], [["1"], []]),
    "map_at_20": ([["1"], ["2"]], [["1", "2"], ["1", "2"]]),
    "mrr_at_20": ([["1"], ["2"]], [["1", "2"], ["1", "2"]]),
    "perplexity": ([None, None], [(3.0, 2), (1.0, 1)]),
}


def test_every_metric_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(metrics.METRICS)
    assert all(metrics.formats_of(metric) for metric in metrics.METRICS)


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_metric_gives_its_main_key_and_its_task_score(metric: str) -> None:
    values = metrics.score(metric, *EXAMPLES[metric], "en")
    assert metrics.main_key(metric) in values
    assert next(iter(values)) == metrics.main_key(metric) or metric in ("squad", "mlqa"), "the first column of the table"
    assert all(isinstance(value, float) for value in values.values())
    assert isinstance(metrics.task_score(metric, values), float)
    assert values == importlib.import_module(f"xstilts.metrics.{metric}").score(*EXAMPLES[metric], "en")


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_score_does_not_depend_on_the_order_of_examples(metric: str) -> None:
    gold, predictions = EXAMPLES[metric]
    forwards = metrics.score(metric, gold, predictions, "en")
    assert metrics.score(metric, gold[::-1], predictions[::-1], "en") == pytest.approx(forwards)


def test_main_keys() -> None:
    assert metrics.main_key("squad") == "f1"
    assert metrics.main_key("tagging_f1") == "f1_seqeval_1_2_2"
    assert metrics.main_key("xtreme_tagging_f1") == "f1_seqeval_0_0_12"
    assert metrics.main_key("perplexity") == "perplexity"


def test_task_score_of_qa_is_the_mean_of_exact_match_and_f1() -> None:
    assert metrics.task_score("squad", {"exact_match": 50.0, "f1": 61.0}) == 55.5
    assert metrics.task_score("mlqa", {"exact_match": 50.0, "f1": 61.0}) == 55.5
    assert metrics.task_score("bitext_f1", {"f1": 40.0, "precision": 50.0, "recall": 33.3}) == 40.0


def test_only_perplexity_is_better_when_lower() -> None:
    assert not metrics.higher_is_better("perplexity")
    assert all(metrics.higher_is_better(metrics.main_key(metric)) for metric in metrics.METRICS if metric != "perplexity")


def test_unknown_metric_names_the_closest() -> None:
    with pytest.raises(UserError, match="unknown metric 'acuracy': did you mean accuracy"):
        metrics.score("acuracy", [1], [1], "en")
    with pytest.raises(UserError, match="unknown metric 'f2'"):
        metrics.main_key("f2")


def test_a_missing_prediction_is_an_error_and_not_a_wrong_one() -> None:
    with pytest.raises(ValueError, match="accuracy: 1 predictions for 2 gold values"):
        metrics.score("accuracy", ["a", "b"], ["a"], "en")
    with pytest.raises(ValueError, match="accuracy: 1 of 2 examples in 'sw' have no prediction"):
        metrics.score("accuracy", ["a", "b"], ["a", None], "sw")
    with pytest.raises(ValueError, match="squad: 2 of 2 examples in 'sw' have no gold"):
        metrics.score("squad", [None, None], ["a", "b"], "sw")


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_no_examples_is_an_error(metric: str) -> None:
    with pytest.raises(ValueError, match=f"{metric}: no examples to score in 'th'"):
        metrics.score(metric, [], [], "th")


def test_every_metric_is_of_a_format_and_every_protocol_has_metrics():
    assert {format for metric in metrics.METRICS for format in metrics.formats_of(metric)} == set(FORMATS)
    found = [metric for protocol in PROTOCOLS for metric in metrics.of_protocol(protocol)]
    assert set(found) == {metric for metric in metrics.METRICS if "retrieval" in metrics.formats_of(metric)}
