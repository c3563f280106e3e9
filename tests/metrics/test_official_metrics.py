"""The torchmetrics class of every metric: the values of the pure function, in one process and in several."""

import pickle

import numpy as np
import pytest
import torch

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.official_metrics import OfficialMetric

ANSWERS = ([["the red fox"], [], ["a\u2028b", "c"], ["12"], ["\u96ea"]], ["red fox ran", "", "c", "13", "\u96ea"])
TAGS = (
    [["B-PER", "O"], ["SCONJ", "X"], ["O"], ["B-LOC", "I-LOC"], ["X"]],
    [["B-PER", "O"], ["X", "X"], ["B-PER"], ["B-LOC", "O"], ["X"]],
)
RANKED = ([["a"], ["b"], ["c", "d"], ["e"], ["a", "e"]], [["a", "b"], ["a", "b"], ["d"], ["a"], ["e", "b", "a"]])
EXAMPLES = {
    "accuracy": (["yes", "no", "yes", "yes", "no"], ["yes", "yes", "yes", "no", "no"]),
    "squad": ANSWERS,
    "mlqa": ANSWERS,
    "tagging_f1": TAGS,
    "xtreme_tagging_f1": TAGS,
    "token_accuracy": TAGS,
    "retrieval_accuracy": RANKED,
    "bitext_f1": RANKED,
    "map_at_20": RANKED,
    "mrr_at_20": RANKED,
    "perplexity": ([None] * 5, [(3.25, 2), (0.1, 1), (7.7, 3), (2.0, 2), (1 / 3, 1)]),
}


def values(metric):
    return {key: value.item() for key, value in metric.compute().items()}


@pytest.mark.parametrize("name", metrics.metric_names())
def test_the_class_has_the_values_of_the_function(name):
    gold, predictions = EXAMPLES[name]
    expected = metrics.score(name, gold, predictions, "en")
    metric = OfficialMetric(name)
    assert metric.higher_is_better == (name != "perplexity")
    for part in (slice(0, 2), slice(2, 5)):
        metric.update(predictions[part], gold[part])
    assert values(metric) == expected
    assert values(pickle.loads(pickle.dumps(metric))) == expected
    metric.reset()
    for place in (3, 0, 4, 1, 2, 0):  # in another order, and one of them twice
        metric.update([predictions[place]], [gold[place]], ids=torch.tensor([place]))
    assert values(metric) == expected


@pytest.mark.parametrize("name", metrics.metric_names())
def test_two_processes_have_the_values_of_one(name, in_processes):
    gold, predictions = EXAMPLES[name]

    def work(rank):
        torch.distributed.init_process_group("gloo")
        metric, places = OfficialMetric(name), [[3, 0, 4], [1, 2, 4]][rank]
        for place in places:
            metric.update([predictions[place]], [gold[place]], ids=[place])
        alone = OfficialMetric(name)
        alone.update(*((predictions, gold) if rank == 0 else ([], [])))
        return values(metric), values(alone)

    expected = metrics.score(name, gold, predictions, "en")
    assert in_processes(2, work) == [(expected, expected)] * 2


def test_arrays_and_their_numbers_are_taken():
    metric = OfficialMetric("accuracy")
    metric.update(np.array([1, 0, 2]), torch.tensor([1, 1, 2]).numpy())
    assert values(metric) == {"accuracy": pytest.approx(200 / 3)}


def test_mistakes():
    with pytest.raises(UserError, match="metric.*f1"):
        OfficialMetric("f1")
    with pytest.raises(UserError, match="language of the metric mlqa"):
        OfficialMetric("mlqa", "sw")
    with pytest.raises(ValueError, match="zip"):
        OfficialMetric("accuracy").update(["a"], ["a", "b"])
    empty = OfficialMetric("accuracy")
    empty.update([], [])
    with pytest.raises(ValueError, match="accuracy: no examples to score"):
        values(empty)
