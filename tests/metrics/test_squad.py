import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.metrics.squad import normalise, score

texts = st.text(alphabet=string.ascii_letters + "àé中ไ .,'-!", max_size=12)


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("The  Cat.", "cat"),
        ("a man, an apple and the theatre", "man apple and theatre"),
        ("U.S.A.", "usa"),  # punctuation goes first, so no article appears between full stops
        ("l'an 2000", "lan 2000"),
        ("«the»", "« »"),  # only ASCII punctuation goes
        ("北京。", "北京。"),
        ("\u00a0x\u3000y\n", "x y"),
        ("An", ""),
    ],
)
def test_normalisation_is_the_english_one(text: str, normalised: str) -> None:
    assert normalise(text) == normalised


def test_best_of_several_answers() -> None:
    values = score([["cat", "the black cat"]], ["black cat!"], "en")
    assert values == {"exact_match": 100.0, "f1": 100.0}


def test_f1_counts_repeated_tokens_as_often_as_both_have_them() -> None:
    values = score([["x x y"]], ["x x x z"], "en")  # 2 shared of 4 given and 3 right
    assert values["exact_match"] == 0.0
    assert values["f1"] == pytest.approx(100 * 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))


def test_chinese_is_not_segmented() -> None:
    assert score([["北京市"]], ["北京"], "zh") == {"exact_match": 0.0, "f1": 0.0}


def test_unanswerable_questions() -> None:
    assert score([[], []], ["", "Paris"], "en") == {"exact_match": 50.0, "f1": 50.0}
    assert score([[]], ["the"], "en") == {"exact_match": 100.0, "f1": 100.0}  # nothing is left of it
    assert score([["Paris"]], [""], "en") == {"exact_match": 0.0, "f1": 0.0}


def test_an_answer_of_articles_only_shares_no_token() -> None:
    assert score([["the"]], ["The"], "en") == {"exact_match": 100.0, "f1": 0.0}


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(texts, max_size=3), texts), min_size=1, max_size=6), st.randoms())
def test_invariances(questions: list[tuple[list[str], str]], shuffler: random.Random) -> None:
    gold, predictions = [list(answers) for answers, _ in questions], [prediction for _, prediction in questions]
    values = score(gold, predictions, "en")
    assert 0 <= values["f1"] <= 100 and 0 <= values["exact_match"] <= 100
    order = list(range(len(gold)))
    shuffler.shuffle(order)
    for answers in gold:
        shuffler.shuffle(answers)
    assert score([gold[i] for i in order], [predictions[i] for i in order], "xx") == pytest.approx(values)


@settings(deadline=None)
@given(texts)
def test_normalisation_is_stable_and_an_answer_matches_itself(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert score([[text]], [text.upper()], "en")["exact_match"] == 100.0
