"""The count of answers that cannot be cut out of their contexts again."""

import logging
import unicodedata

import pytest
from datasets import Dataset

from xstilts.data.featurizers import span_qa
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.span_qa import FORMAT

TASK = Task(name="qa", format="span_qa")
LIMITS = Limits(max_length=96, doc_stride=16, max_query_length=8, max_answer_length=60)
LONG = "They loved it " * 40


def answer(text, start):
    return [{"text": text, "start": start}]


@pytest.fixture
def log_of(tokenizer, caplog):
    """Contexts with their answers (all of language en, or language, context, answers) -> (level, message) and the features."""

    def featurize(*rows, training=False):
        full = [row if len(row) == 3 else ("en", *row) for row in rows]
        table = Dataset.from_list(
            [
                {"id": f"q{n}", "language": language, "question": "Where?", "context": context, "answers": answers}
                for n, (language, context, answers) in enumerate(full)
            ],
            features=FORMAT.features,
        )
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="xstilts"):
            features = span_qa.featurize(table, tokenizer, TASK, LIMITS, training)
        return [(record.levelname, record.getMessage()) for record in caplog.records], features

    return featurize


@pytest.mark.parametrize("training", [False, True])
def test_exact_answers_are_counted(log_of, training):
    hangul = unicodedata.normalize("NFD", "수도 서울에")
    rows = [("They loved it", answer("They ", 0)), ("x", None), ("x", []), (hangul, answer(hangul[5:], 5))]
    assert log_of(*rows, training=training)[0] == [("INFO", "qa: 2 of 2 answers can be cut out of their contexts exactly")]


def test_nothing_is_told_without_gold(log_of):
    assert log_of(("x", None), ("x", []))[0] == []


@pytest.mark.parametrize(
    ("context", "gold", "got"),
    [
        ("They loved it", answer("hey", 1), "got 'They'"),
        (LONG, answer(LONG[:500], 0), "no window holds it whole"),
        ("a \u200b b", answer("\u200b", 2), "it has no token"),
    ],
)
def test_lost_answers_are_counted_with_the_first_of_them(log_of, context, gold, got):
    (level, message), *more = log_of(("One two", answer("One", 0)), ("ko", context, gold))[0]
    assert (level, more) == ("WARNING", [])
    assert message.startswith(
        "qa: 1 of 2 answers cannot be cut out of their contexts with this tokenizer and max_length (ko 1), "
    )
    assert message.endswith(f"such as answer {gold[0]['text']!r} of question 'q1': {got}")


def test_few_lost_answers_are_no_warning(log_of):
    rows = [("They loved it", answer("They", 0))] * 19
    assert log_of(*rows, ("They loved it", answer("hey", 1)))[0][0][0] == "INFO"


def test_an_answer_without_a_place_is_no_target(log_of):
    unknown, known = {"text": "They", "start": None}, {"text": "it", "start": 11}
    log, features = log_of(("They loved it", [unknown, known]), ("They loved it", [unknown]), ("They loved it", [known]))
    assert log == [("INFO", "qa: 2 of 2 answers can be cut out of their contexts exactly")]
    starts = features["start_position"][:]
    assert starts[0] == starts[2] > 0 and starts[1] == -100
    assert log_of(("They loved it", [unknown]), ("They loved it", [known]), training=True)[1]["example"][:] == [1]
