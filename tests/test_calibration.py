"""The expected calibration error against its definition, and the probability of each kind of prediction."""

import numpy as np
import pytest

from xstilts import metrics
from xstilts.calibration import calibration_error, expected_calibration_error, of_answer


def test_the_error_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    probability_N = rng.random(500)
    right_N = rng.random(500) < probability_N**2
    expected = 0.0
    for place in range(15):
        inside = (probability_N > place / 15) & (probability_N <= (place + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right_N[inside].mean() - probability_N[inside].mean())
    assert expected_calibration_error(probability_N, right_N) == pytest.approx(100 * expected)


def test_its_ends() -> None:
    assert expected_calibration_error(np.array([1.0, 1.0, 0.0]), np.array([True, True, False])) == 0
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([False, True])) == 100


def test_a_label_a_choice_an_answer_and_tags() -> None:
    assert of_answer("yes", {"yes": 0.7, "no": 0.3}) == 0.7
    assert of_answer(1, [0.2, 0.8]) == 0.8
    assert of_answer("Paris", {"answer": 0.6, "none": 0.1}) == 0.6 and of_answer("", {"answer": 0.6, "none": 0.1}) == 0.1
    assert of_answer("", {}) == 0
    sure = [{"yes": 0.75, "no": 0.25}, {"yes": 0.75, "no": 0.25}]
    assert calibration_error("accuracy", ["yes", "no"], ["yes", "yes"], sure, "en") == pytest.approx(25)
    answers = [{"answer": 0.5}, {"answer": 0.5}]
    assert calibration_error("squad", [["a b"], ["c"]], ["a b", "c d"], answers, "en") == pytest.approx(0), "all or nothing"
    tags = [["O", "B-PER"], ["O"]]
    error = calibration_error("tagging_f1", tags, [["O", "O"], ["O"]], [[0.9, 0.6], [1.0]], "en")
    assert error == pytest.approx(100 * (0.1 + 0.6) / 3), "each word counts"


def test_without_probabilities_there_is_none() -> None:
    assert calibration_error("accuracy", [1, 0], [1, 1], [[0.2, 0.8], None], "en") is None
    assert calibration_error("retrieval_accuracy", [["a"]], [["a"]], [[0.9]], "en") is None, "a cosine is none"


def test_less_is_better() -> None:
    assert not metrics.higher_is_better(metrics.ECE) and metrics.higher_is_better("accuracy")


def test_an_item_is_right_with_its_full_score() -> None:
    answers = metrics.item_scores("squad", [["a b"], ["a b"]], ["a b", "a"], "en")
    tags = metrics.item_scores("tagging_f1", [["O"], ["B-PER"]], [["O"], ["O"]], "en")
    assert metrics.fully_right(answers).tolist() == metrics.fully_right(tags).tolist() == [True, False]
