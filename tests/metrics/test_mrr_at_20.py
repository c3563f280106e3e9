import pytest

from xstilts.metrics.mrr_at_20 import score


def test_values_worked_by_hand() -> None:
    ranked = [str(i) for i in range(25)]
    values = score([["0"], ["3"], ["19"], ["20"]], [ranked] * 4, "ja")
    assert values["mrr_at_20"] == pytest.approx(100 * (1 + 1 / 4 + 1 / 20 + 0) / 4)
    assert score([["x"], ["y"]], [[], ["y"]], "ja") == {"mrr_at_20": 50.0}
