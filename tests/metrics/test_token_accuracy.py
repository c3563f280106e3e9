"""Token accuracy counts words, not sentences."""

import pytest

from xstilts.metrics import main_key, score


def test_words_count():
    assert score("token_accuracy", [["N"], ["N/N", "N", "N"]], [["N/N"], ["N/N", "N", "N"]], "en") == {"accuracy": 75.0}
    assert main_key("token_accuracy") == "accuracy"


def test_lengths_must_fit():
    with pytest.raises(ValueError, match="sentence 1 got 1 tag, expected 2"):
        score("token_accuracy", [["N", "N"]], [["N"]], "en")
    with pytest.raises(ValueError, match="no words"):
        score("token_accuracy", [[]], [[]], "en")
