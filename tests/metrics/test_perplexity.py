import math

import pytest

from xstilts.metrics.perplexity import score


def test_every_token_counts_the_same() -> None:
    values = score([None, None], [(math.log(2), 1), (3 * math.log(8), 3)], "en")
    assert values["perplexity"] == pytest.approx(2 ** ((1 + 9) / 4))


def test_a_uniform_guess_has_the_size_of_the_vocabulary() -> None:
    assert score([None], [(7 * math.log(1000), 7)], "en")["perplexity"] == pytest.approx(1000)


def test_examples_without_a_masked_token_add_nothing() -> None:
    assert score([None, None], [(0.0, 0), (1.0, 1)], "en")["perplexity"] == pytest.approx(math.e)
    with pytest.raises(ValueError, match="no masked token"):
        score([None], [(0.0, 0)], "en")


def test_more_than_a_double_holds_is_infinite() -> None:
    assert score([None], [(1000.0, 1)], "en") == {"perplexity": math.inf}
