"""Scores without training, against a direct calculation."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from xstilts.ranking.scores import log_evidence, logme, text_similarity, uncertain


def made(rows: int, dimensions: int, signal: float, seed: int = 0):
    """Features and labels of three classes; `signal`: how far apart the classes are."""
    chance = np.random.default_rng(seed)
    labels_N = chance.integers(3, size=rows)
    means_CD = np.random.default_rng(1).normal(size=(3, dimensions)) * signal
    return chance.normal(size=(rows, dimensions)) + means_CD[labels_N], labels_N


def direct(features_ND: np.ndarray, target_N: np.ndarray) -> float:
    """Return the maximum over prior and noise of the log density of the target, a Gaussian vector, per row."""
    rows, kernel_NN = len(target_N), features_ND @ features_ND.T

    def negative(logs: np.ndarray) -> float:
        covariance_NN = np.exp(-logs[0]) * kernel_NN + np.exp(-logs[1]) * np.eye(rows)
        return -multivariate_normal.logpdf(target_N, np.zeros(rows), covariance_NN) / rows

    return -minimize(negative, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).fun


@pytest.mark.parametrize(("rows", "dimensions"), [(40, 5), (20, 30)])
def test_logme_is_the_largest_evidence_of_the_gaussian_model(rows: int, dimensions: int):
    features_ND, labels_N = made(rows, dimensions, 0.5)
    wanted = [direct(features_ND, (labels_N == one).astype(float)) for one in range(3)]
    assert logme(features_ND, labels_N) == pytest.approx(np.mean(wanted), abs=1e-4)


def test_evidence_of_a_target_of_any_scale():
    features_ND, labels_N = made(30, 4, 0.5)
    U_NK, s_K, _ = np.linalg.svd(features_ND, full_matrices=False)
    for scale in (1.0, 3.0):
        target_N = scale * (labels_N == 0)
        assert log_evidence(U_NK, s_K, target_N, 4) == pytest.approx(direct(features_ND, target_N), abs=1e-4)


def test_logme_grows_with_what_the_features_tell_of_the_labels():
    found = [logme(*made(200, 8, signal)) for signal in (0.0, 0.5, 2.0)]
    assert found == sorted(found) and found[2] - found[0] > 0.3


def test_one_class_has_no_logme():
    assert np.isnan(logme(np.eye(3), np.zeros(3, dtype=np.int64)))


def test_similarity_is_the_cosine_of_the_means():
    one_ND, other_ND = np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 0.0]])
    assert text_similarity(one_ND, other_ND) == pytest.approx(np.sqrt(0.5))
    assert text_similarity(one_ND, one_ND * 5) == pytest.approx(1)


def test_standard_error_is_that_of_a_mean():
    values_N = np.random.default_rng(0).normal(size=400)
    value, error = uncertain(lambda rows: float(values_N[rows].mean()), 400)
    assert value == pytest.approx(values_N.mean())
    assert error == pytest.approx(1 / 20, rel=0.4), "20 halves give it within a third or so"
