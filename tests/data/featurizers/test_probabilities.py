import numpy as np

from xstilts.data.featurizers.probabilities import softmax


def test_probabilities_are_rounded_and_large_scores_do_not_overflow() -> None:
    assert softmax(np.array([0.0, 0.0, 0.0], dtype=np.float32)) == [0.333, 0.333, 0.333]
    assert softmax(np.array([1000.0, -np.inf, 999.0], dtype=np.float32)) == [0.731, 0.0, 0.269]
