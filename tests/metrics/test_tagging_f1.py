import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from xstilts import metrics
from xstilts.metrics.tagging_f1 import chunks, precision_recall_f1, score, split_0_0_12, split_1_2_2
from xstilts.paths import conf_dir
from xstilts.tasks.catalogue import load_task, task_names

BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "E-LOC", "S-ORG"]
HYPHENS = ["O", *(f"{prefix}-{kind}" for prefix in "BI" for kind in ("a-b", "c-b", "b"))]
UD = ["ADJ", "ADP", "CCONJ", "SCONJ", "INTJ", "NOUN", "PRON", "SYM", "X", "O", "I", "."]

Sentences = list[list[str]]


@st.composite
def gold_and_predictions(draw: st.DrawFn) -> tuple[Sentences, Sentences]:
    tags = st.sampled_from(draw(st.sampled_from([BIO, UD, BIO + UD])))
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    drawn = [[draw(st.lists(tags, min_size=n, max_size=n)) for n in lengths] for _ in range(2)]
    return drawn[0], drawn[1]


def oracle(gold: Sentences, predictions: Sentences) -> tuple[float, float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POS tags "seem not to be NE tags"; undefined where nothing is found
        return tuple(100 * function(gold, predictions) for function in (precision_score, recall_score, f1_score))


@settings(deadline=None)
@given(gold_and_predictions())
def test_1_2_2_equals_the_package(data: tuple[Sentences, Sentences]) -> None:
    assert precision_recall_f1(*data, split_1_2_2) == pytest.approx(oracle(*data), rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert chunks(data[0], split_1_2_2) == set(get_entities(data[0]))
    assert score(*data, "en")["accuracy"] == pytest.approx(100 * accuracy_score(*data))


@settings(deadline=None)
@given(gold_and_predictions())
def test_0_0_12_equals_the_package_on_tags_that_spell_out_its_types(data: tuple[Sentences, Sentences]) -> None:
    """Written as first letter, hyphen, last part, a tag has in 1.2.2 the type that 0.0.12 gives the tag itself."""
    recoded = [[[f"{tag[0]}-{tag.split('-')[-1]}" for tag in sentence] for sentence in side] for side in data]
    assert precision_recall_f1(*data, split_0_0_12) == pytest.approx(oracle(*recoded), rel=1e-12)


@settings(deadline=None)
@given(gold_and_predictions(), st.randoms())
def test_order_of_sentences_does_not_matter(data: tuple[Sentences, Sentences], shuffler: random.Random) -> None:
    # Without one-letter tags: under 1.2.2 what such a tag counts for at the start of a sentence depends on the sentence before.
    longer = {"X": "OTHER", "I": "I-X", ".": "PUNCT"}
    gold, predictions = ([[longer.get(tag, tag) for tag in sentence] for sentence in side] for side in data)
    order = list(range(len(gold)))
    shuffler.shuffle(order)
    assert score([gold[i] for i in order], [predictions[i] for i in order], "en") == pytest.approx(score(gold, predictions, "en"))


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1), min_size=2, max_size=2))
def test_the_variants_agree_on_entities(sides: Sentences) -> None:
    length = min(map(len, sides))
    values = score([sides[0][:length]], [sides[1][:length]], "en")
    assert values["f1_seqeval_0_0_12"] == values["f1_seqeval_1_2_2"]


def test_subordinating_and_coordinating_conjunctions_are_one_type_in_1_2_2() -> None:
    values = score([["SCONJ", "NOUN"]], [["CCONJ", "NOUN"]], "en")
    assert values == {"f1_seqeval_0_0_12": 50.0, "f1_seqeval_1_2_2": 100.0, "accuracy": 50.0}


def test_an_x_at_a_boundary_has_the_type_of_the_boundary_in_1_2_2() -> None:
    # It does not begin a chunk, but ends one, which reaches back to where the last chunk began.
    assert chunks([["NOUN", "ADJ"], ["X", "NOUN"]], split_1_2_2) == {("OUN", 0, 0), ("DJ", 1, 1), ("_", 1, 3), ("OUN", 4, 4)}
    assert ("X", 3, 3) in chunks([["NOUN", "ADJ"], ["X", "NOUN"]], split_0_0_12)


def test_equal_neighbours_are_one_chunk() -> None:
    gold, given_tags = [["NOUN", "NOUN", "VERB"]], [["NOUN", "ADJ", "VERB"]]
    assert chunks(gold, split_0_0_12) == {("NOUN", 0, 1), ("VERB", 2, 2)}
    values = score(gold, given_tags, "en")
    assert values["f1_seqeval_0_0_12"] == pytest.approx(40.0)  # 1 right of 3 given and 2 gold chunks
    assert values["accuracy"] == pytest.approx(200 / 3)


def test_chunks_do_not_cross_sentences() -> None:
    assert chunks([["B-PER"], ["I-PER"]], split_0_0_12) == {("PER", 0, 0), ("PER", 2, 2)}


def test_no_chunk_anywhere_scores_zero() -> None:
    assert score([["O", "O"]], [["O", "O"]], "en") == {"f1_seqeval_0_0_12": 0.0, "f1_seqeval_1_2_2": 0.0, "accuracy": 100.0}


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="sentence 2 got 1 tag, expected 2"):
        score([["O"], ["O", "O"]], [["O"], ["O"]], "en")
    with pytest.raises(ValueError, match="no words"):
        score([[]], [[]], "en")


def test_types_with_a_hyphen_are_different_types_in_the_main_score() -> None:
    gold = [["O", "B-creative-work", "I-creative-work"], ["B-art-work", "O"]]
    wrong = [["O", "B-art-work", "I-art-work"], ["B-creative-work", "O"]]
    values = metrics.score("tagging_f1", gold, wrong, "en")
    assert values == {"f1_seqeval_1_2_2": 0.0, "f1_seqeval_0_0_12": 100.0, "accuracy": 40.0}
    assert values[metrics.main_key("tagging_f1")] == 0.0
    assert [list(item) for item in metrics.item_scores("tagging_f1", gold, wrong, "en")] == [[0, 2], [0, 2]]
    assert [list(item) for item in metrics.item_scores("xtreme_tagging_f1", gold, wrong, "en")] == [[2, 2], [2, 2]]


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(HYPHENS), min_size=1), min_size=2, max_size=2))
def test_the_main_score_of_types_with_hyphens_equals_the_package(sides: Sentences) -> None:
    length = min(map(len, sides[:2]))
    gold, predictions = [sides[0][:length]], [sides[1][:length]]
    assert score(gold, predictions, "en")["f1_seqeval_1_2_2"] == pytest.approx(oracle(gold, predictions)[2], rel=1e-12)


@pytest.mark.slow
def test_the_tasks_of_xtreme_keep_the_rule_of_the_published_numbers() -> None:
    tasks = [load_task(conf_dir(), name) for name in task_names(conf_dir())]
    assert [task.name for task in tasks if metrics.main_key(task.metrics[0]) == "f1_seqeval_0_0_12"] == ["panx", "udpos"]
