"""The front door of the metrics room."""

import importlib

import pytest

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.tasks.formats import formats

EXAMPLES = {
    "label": (["a", "b"], ["a", "c"]),
    "answer": ([["x"], []], ["x", "y"]),
    "tags": ([["B-PER", "O"], ["O"]], [["B-PER", "O"], ["B-PER"]]),
    "ranking": ([["1"], ["2"]], [["1", "2"], ["1", "2"]]),
    "pairs": ([["1"], ["2"]], [["1"], []]),
    "likelihood": ([None, None], [(3.0, 2), (1.0, 1)]),
}
"""Kind of predictions -> gold and predictions of two examples."""


def test_every_kind_of_predictions_is_that_of_a_format_and_has_a_metric() -> None:
    of_formats = {kind for format in formats().values() for kind in format.kinds(None)}
    assert set(EXAMPLES) == of_formats == {metrics.kind_of(metric) for metric in metrics.metric_names()}


@pytest.mark.parametrize("metric", metrics.metric_names())
def test_metric_gives_its_main_key_and_the_parts_of_its_score(metric: str) -> None:
    gold, predictions = EXAMPLES[metrics.kind_of(metric)]
    values = metrics.score(metric, gold, predictions, "en")
    assert metrics.main_key(metric) in values
    assert next(iter(values)) == metrics.main_key(metric) or metric in ("squad", "mlqa"), "the first column of the table"
    assert all(isinstance(value, float) for value in values.values())
    assert set(metrics.score_keys(metric)) <= set(values) and metrics.score_keys(metric)[0] == metrics.main_key(metric)
    assert values == importlib.import_module(f"xstilts.metrics.{metric}").score(gold, predictions, "en")


@pytest.mark.parametrize("metric", metrics.metric_names())
def test_score_does_not_depend_on_the_order_of_examples(metric: str) -> None:
    gold, predictions = EXAMPLES[metrics.kind_of(metric)]
    forwards = metrics.score(metric, gold, predictions, "en")
    assert metrics.score(metric, gold[::-1], predictions[::-1], "en") == pytest.approx(forwards)


def test_main_keys() -> None:
    assert metrics.main_key("squad") == "f1"
    assert metrics.main_key("tagging_f1") == "f1_seqeval_1_2_2"
    assert metrics.main_key("xtreme_tagging_f1") == "f1_seqeval_0_0_12"
    assert metrics.main_key("perplexity") == "perplexity"


def test_xtreme_averages_exact_match_and_f1_of_qa() -> None:
    assert metrics.score_keys("squad") == metrics.score_keys("mlqa") == ("f1", "exact_match")
    assert metrics.score_keys("bitext_f1") == ("f1",)


def test_only_perplexity_is_better_when_lower() -> None:
    assert not metrics.higher_is_better("perplexity")
    assert all(metrics.higher_is_better(metrics.main_key(metric)) for metric in metrics.metric_names() if metric != "perplexity")


def test_unknown_metric_names_the_closest() -> None:
    with pytest.raises(UserError, match="unknown metric 'acuracy': did you mean accuracy"):
        metrics.score("acuracy", [1], [1], "en")
    with pytest.raises(UserError, match="unknown metric 'f2'"):
        metrics.main_key("f2")


def test_a_missing_prediction_is_an_error_and_not_a_wrong_one() -> None:
    with pytest.raises(ValueError, match="accuracy: 1 prediction for 2 gold values"):
        metrics.score("accuracy", ["a", "b"], ["a"], "en")
    with pytest.raises(ValueError, match="accuracy: 1 of 2 examples in 'sw' without prediction"):
        metrics.score("accuracy", ["a", "b"], ["a", None], "sw")
    with pytest.raises(ValueError, match="squad: 2 of 2 examples in 'sw' without gold"):
        metrics.score("squad", [None, None], ["a", "b"], "sw")


@pytest.mark.parametrize("metric", metrics.metric_names())
def test_no_examples_is_an_error(metric: str) -> None:
    with pytest.raises(ValueError, match=f"{metric}: no examples to score in 'th'"):
        metrics.score(metric, [], [], "th")
