"""Scores of single items add up to the metric exactly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts import metrics
from xstilts.errors import UserError

LABEL = st.sampled_from(["entailment", "neutral"])
ANSWER = st.lists(st.sampled_from(["the", "red", "fox", "Ran."]), max_size=4).map(" ".join)
ANSWERS = st.lists(ANSWER, max_size=2)
IDS = st.lists(st.sampled_from("abcd"), max_size=3, unique=True)
TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "NOUN", "X", "SCONJ"])
SENTENCE = st.integers(1, 5).flatmap(lambda size: st.tuples(*[st.lists(TAG, min_size=size, max_size=size)] * 2))
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "label": st.tuples(LABEL, LABEL),
    "answer": st.tuples(ANSWERS, ANSWER),
    "tags": SENTENCE,
    "ranking": st.tuples(IDS.filter(bool), IDS),
    "pairs": st.tuples(IDS, IDS),
}
"""Kind of predictions -> gold and prediction of an example."""


@pytest.mark.parametrize("metric", [metric for metric in metrics.metric_names() if metrics.scored_by_item(metric)])
@given(st.data())
def test_all_items_together_are_the_metric(metric: str, data: st.DataObject) -> None:
    gold, predictions = zip(*data.draw(st.lists(ITEMS[metrics.kind_of(metric)], min_size=1, max_size=8)), strict=True)
    items = metrics.item_scores(metric, gold, predictions, "en")
    assert items.shape == (len(gold), 2)
    right, of = items.sum(axis=0)
    expected = metrics.score(metric, gold, predictions, "en")[metrics.main_key(metric)]
    assert (100 * right / of if of else 0.0) == pytest.approx(expected)


def test_a_metric_that_is_no_ratio_says_so() -> None:
    with pytest.raises(UserError, match="^the metric perplexity has no scores of single items"):
        metrics.item_scores("perplexity", [None], [(3.0, 2)], "en")


def test_what_score_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="accuracy: 1 prediction for 2 gold values"):
        metrics.item_scores("accuracy", ["a", "b"], ["a"], "en")
