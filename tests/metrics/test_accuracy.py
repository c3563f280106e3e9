import pytest

from xstilts.metrics.accuracy import score


def test_share_of_equal_labels() -> None:
    assert score(["a", "b", "c", "a"], ["a", "b", "a", "c"], "en") == {"accuracy": 50.0}
    assert score([0, 1, 2], [0, 1, 1], "en")["accuracy"] == pytest.approx(200 / 3)


def test_a_name_beside_an_index_is_an_error() -> None:
    with pytest.raises(ValueError, match="gold 1 and prediction '1' are not both names or both indices"):
        score([0, 1], [0, "1"], "en")
