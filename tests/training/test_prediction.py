"""From the model's outputs to predictions and scores: every feature once, nothing averaged over batches."""

import itertools

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from xstilts import metrics
from xstilts.data.batches import TaskFeatures
from xstilts.data.featurizers import classification, mlm, multiple_choice, retrieval, span_qa
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_named
from xstilts.training.prediction import Predicted, by_row, selection_score

SPECIAL = SpecialTokens(pad_id=1, mask_id=99, vocab_size=100, special_ids=(0, 1, 2, 3, 99), mlm_probability=0.15)
NLI = Task(name="nli", format="classification", labels=["no", "yes"], metrics=["accuracy"])


def table(columns, features):
    count = len(next(iter(columns.values())))
    given = {name: columns.get(name, [None] * count) for name in features}
    return Dataset.from_dict(given, features=features)


def evaluated(task, examples, features, schema):
    """As much of features as decoding asks for."""
    count = len(features["example"])
    made = table({"length": [5] * count, "input_ids": [[0, 2]] * count} | features, schema)
    rows = table(examples, format_named(task.format).features)
    return TaskFeatures(task.name, task, rows, made, SPECIAL)


def nli(gold, languages=None, task=NLI):
    count = len(gold)
    languages = languages or ["en"] * count
    examples = {"id": list(map(str, range(count))), "language": languages, "text_a": ["a"] * count, "label": gold}
    return evaluated(task, examples, {"example": list(range(count)), "label": [-100] * count}, classification.FEATURES)


def logits(answers):
    return [{"logits": np.array([0.0, 1.0 if answer else -1.0], dtype=np.float32)} for answer in answers]


@pytest.mark.slow
@given(order=st.permutations(range(9)), cuts=st.sets(st.integers(1, 8)))
def test_outputs_find_their_rows_in_whatever_batches_they_come(order, cuts):
    item = nli(["no"] * 9)
    edges = [0, *sorted(cuts), 9]
    outputs = [
        ("nli", order[start:end], [{"logits": np.array([row])} for row in order[start:end]])
        for start, end in itertools.pairwise(edges)
    ]
    assert [int(row["logits"][0]) for row in by_row(outputs, {"nli": item})["nli"]] == list(range(9))


def test_a_feature_that_is_evaluated_twice_is_an_error():
    outputs = [("nli", [0, 1], logits([1, 1])), ("nli", [2, 1], logits([1, 1]))]
    with pytest.raises(RuntimeError, match="feature 1 of nli was evaluated twice"):
        by_row(outputs, {"nli": nli(["no"] * 3)})


def test_features_that_are_not_evaluated_are_an_error():
    with pytest.raises(RuntimeError, match="2 of 3 features of nli not evaluated"):
        by_row([("nli", [1], logits([1]))], {"nli": nli(["no"] * 3)})
    with pytest.raises(RuntimeError, match="3 of 3 features of nli not evaluated"):
        by_row([], {"nli": nli(["no"] * 3)})


def test_outputs_and_rows_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        by_row([("nli", [0, 1], logits([1]))], {"nli": nli(["no"] * 2)})


def test_the_score_is_the_mean_over_languages_and_not_over_examples():
    item = nli(["yes", "yes", "yes", "no"], ["en", "en", "en", "de"])
    value, found = selection_score({"nli": item}, [("nli", [0, 1, 2, 3], logits([1, 1, 1, 1]))])
    assert value == pytest.approx(50) and found == {"nli/accuracy": pytest.approx(50)}


def test_the_score_is_the_mean_over_tasks():
    items = {"nli": nli(["yes", "yes"]), "other": nli(["no", "no", "no", "no"], task=Task(**{**vars(NLI), "name": "other"}))}
    outputs = [("nli", [0, 1], logits([1, 1])), ("other", [0, 1, 2, 3], logits([0, 1, 1, 1]))]
    value, found = selection_score(items, outputs)
    assert value == pytest.approx((100 + 25) / 2)
    assert found == {"nli/accuracy": pytest.approx(100), "other/accuracy": pytest.approx(25)}


def test_a_language_without_gold_does_not_count():
    item = nli(["yes", None, "no"], ["en", "de", "fr"])
    value, _ = selection_score({"nli": item}, [("nli", [0, 1, 2], logits([1, 1, 1]))])
    assert value == pytest.approx(50)


def test_no_gold_at_all_is_an_error():
    with pytest.raises(ValueError, match="the validation examples of task nli have no gold, so no checkpoint can be selected"):
        selection_score({"nli": nli([None, None])}, [("nli", [0, 1], logits([1, 1]))])


def lines(count=2):
    task = Task(name="mlm", format="mlm", metrics=["perplexity"])
    examples = {"id": list(map(str, range(count))), "language": ["en"] * count, "text": ["a"] * count}
    return evaluated(task, examples, {"example": list(range(count))}, mlm.FEATURES)


def nll(*pairs):
    return [{"nll": np.array([value], dtype=np.float32), "count": np.array([count], dtype=np.float32)} for value, count in pairs]


def test_perplexity_selects_only_alone_and_then_the_lower_is_the_better():
    better, found = selection_score({"mlm": lines()}, [("mlm", [0, 1], nll((2, 2), (1, 1)))])
    worse, _ = selection_score({"mlm": lines()}, [("mlm", [0, 1], nll((4, 2), (2, 1)))])
    assert better == pytest.approx(-np.e) and found == {"mlm/perplexity": pytest.approx(np.e)}
    assert better > worse
    outputs = [("nli", [0], logits([1])), ("mlm", [0, 1], nll((2, 2), (1, 1)))]
    value, found = selection_score({"nli": nli(["yes"]), "mlm": lines()}, outputs)
    assert value == pytest.approx(100) and set(found) == {"nli/accuracy", "mlm/perplexity"}


def test_predictions_of_a_part_belong_to_its_rows():
    item = nli(["yes", None, "no", "yes"], ["en", "en", "de", "de"])
    predicted = Predicted(item, logits([1, 0, 1, 1]))
    (english,) = predicted.score([0, 1], "en")
    assert (english.rows, english.predictions, english.gold) == ([0, 1], ["yes", "no"], ["yes", None])
    assert english.values == {"accuracy": pytest.approx(100)}, "what has no gold is predicted and not scored"
    (german,) = predicted.score([2, 3], "de")
    assert german.values == {"accuracy": pytest.approx(50)}
    sure = predicted.with_confidences(english, "en")
    assert sure.confidences == [{"yes": 0.731, "no": 0.269}, {"no": 0.731, "yes": 0.269}]
    assert sure.values == {"accuracy": pytest.approx(100), "ece": pytest.approx(26.9)}, "the one with gold is right at 0.731"
    assert (german.variant, german.threshold) == (None, None)


def test_without_gold_there_are_predictions_and_no_score():
    (scored,) = Predicted(nli([None, None]), logits([1, 0])).score([0, 1], "en")
    assert (scored.predictions, scored.values) == (["yes", "no"], {})


def test_choices_of_different_numbers():
    task = Task(name="copa", format="multiple_choice", metrics=["accuracy"])
    examples = {
        "id": ["0", "1"], "language": ["en"] * 2, "prompt": ["p"] * 2, "choices": [["a", "b"], ["a", "b", "c"]], "label": [1, 2]
    }  # fmt: skip
    features = {"example": [0, 1], "input_ids": [[[0, 2]] * 2, [[0, 2]] * 3], "label": [1, 2]}
    item = evaluated(task, examples, features, multiple_choice.FEATURES)
    (scored,) = Predicted(item, [{"logits": np.array([0.0, 1.0])}, {"logits": np.array([3.0, 1.0, 2.0])}]).score([0, 1], "en")
    assert scored.predictions == [1, 0] and scored.values == {"accuracy": pytest.approx(50)}


@pytest.mark.parametrize("unanswerable", [True, False])
def test_no_answer_is_allowed_where_the_data_has_unanswerable_questions(unanswerable):
    task = Task(name="qa", format="span_qa", metrics=["squad"])
    answers = [[{"text": "cat", "start": 4}], [] if unanswerable else [{"text": "dog", "start": 0}]]
    examples = {
        "id": ["0", "1"], "language": ["en"] * 2, "question": ["q"] * 2, "context": ["dog cat sat"] * 2, "answers": answers
    }  # fmt: skip
    features = {
        "example": [0, 1],
        "input_ids": [[0, 5, 2, 2, 6, 7, 8, 2]] * 2,
        "offsets": [[-1, -1] * 4 + [0, 3, 4, 7, 8, 11] + [-1, -1]] * 2,
        "max_context": [[False] * 4 + [True] * 3 + [False]] * 2,
        "start_position": [0, 0],
        "end_position": [0, 0],
    }
    item = evaluated(task, examples, features, span_qa.EVALUATION)
    cat = np.array([0, -9, -9, -9, 0, 5, 0, -9], dtype=np.float32)
    nothing = np.array([9, -9, -9, -9, 3, 1, 0, -9], dtype=np.float32)
    (scored,) = Predicted(item, [{"start": cat, "end": cat}, {"start": nothing, "end": nothing}]).score([0, 1], "en")
    assert scored.predictions == ["cat", "" if unanswerable else "dog"]
    assert scored.values["f1"] == pytest.approx(100)


def pairs(protocol, metric, languages=("de", "de", "fr", "fr"), gold=True):
    """Per row of `languages` a query and the candidate that is its translation."""
    task = Task(name="pairs", format="retrieval", protocol=protocol, metrics=[metric])
    rows = [(side, number, language) for number, language in enumerate(languages) for side in ("query", "candidate")]
    examples = {
        "id": [f"{side[0]}{number}" for side, number, _ in rows],
        "language": [language for *_, language in rows],
        "side": [side for side, *_ in rows],
        "text": [f"{side} {number}" for side, number, _ in rows],
        "relevant": [([f"c{number}"] if gold else None) if side == "query" else None for side, number, _ in rows],
    }
    return evaluated(task, examples, {"example": list(range(len(rows)))}, retrieval.TEXT)


def vectors(*numbers):
    """One-hot vectors; two variants, the second with everything at one place."""
    same = np.ones(8, dtype=np.float32)
    return [{"1-mean": np.eye(8, dtype=np.float32)[number], "2-cls": same} for number in numbers]


def test_every_variant_of_retrieval_is_scored_and_the_first_selects():
    item = pairs("sentence_matching", "retrieval_accuracy")
    outputs = vectors(0, 0, 1, 1, 0, 1, 1, 0)  # German pairs fit, French ones are crossed
    scored = Predicted(item, outputs).score([0, 1, 2, 3], "de")
    assert [entry.variant for entry in scored] == ["1-mean", "2-cls"]
    assert scored[0].rows == [0, 2], "queries only"
    assert [ranked[0] for ranked in scored[0].predictions] == ["c0", "c1"] and scored[0].gold == [["c0"], ["c1"]]
    key = metrics.main_key("retrieval_accuracy")
    assert (scored[0].values[key], scored[1].values[key]) == (pytest.approx(100), pytest.approx(50))
    value, found = selection_score({"pairs": item}, [("pairs", list(range(8)), outputs)])
    assert value == pytest.approx(50) and found == {f"pairs/{key}": pytest.approx(50)}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("protocol", "metric"),
    [("sentence_matching", "retrieval_accuracy"), ("answer_retrieval", "map_at_20"), ("bitext_mining", "bitext_f1")],
)
def test_neighbours_are_the_same_on_a_gpu(protocol, metric):
    item, outputs = pairs(protocol, metric), vectors(0, 0, 1, 1, 0, 1, 1, 0)
    here, there = (Predicted(item, outputs, device=torch.device(device)) for device in ("cpu", "cuda"))
    assert here.score([0, 1, 2, 3], "de") == there.score([0, 1, 2, 3], "de")


def test_sentences_are_matched_within_a_language_and_answers_over_all():
    outputs = vectors(0, 1, 2, 3, 1, 0, 3, 2)  # a query stands where the other language's candidate does
    crossed = Predicted(pairs("answer_retrieval", "map_at_20"), outputs).score([0, 1, 2, 3], "de")[0]
    assert [ranked[0] for ranked in crossed.predictions] == ["c2", "c3"]
    assert {len(ranked) for ranked in crossed.predictions} == {4}
    within = Predicted(pairs("sentence_matching", "retrieval_accuracy"), outputs).score([0, 1, 2, 3], "de")[0]
    assert {len(ranked) for ranked in within.predictions} == {2}


def test_the_threshold_of_bitext_mining_is_tuned_where_there_is_gold_and_else_given():
    languages, outputs = ("de",) * 6, vectors(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
    tuned = Predicted(pairs("bitext_mining", "bitext_f1", languages), outputs).score(range(12), "de")[0]
    assert tuned.values["f1"] == pytest.approx(100) and tuned.threshold is not None
    assert tuned.predictions == [[f"c{number}"] for number in range(6)]
    blind = Predicted(pairs("bitext_mining", "bitext_f1", languages, gold=False), outputs)
    given = blind.score(range(12), "de", {"1-mean": tuned.threshold, "2-cls": 0.0})[0]
    assert (given.threshold, given.values) == (tuned.threshold, {})
    assert given.predictions == tuned.predictions
    strict = Predicted(pairs("bitext_mining", "bitext_f1", languages), outputs).score(range(12), "de", {"1-mean": 1e9})[0]
    assert strict.predictions == [[]] * 6 and strict.threshold == 1e9
