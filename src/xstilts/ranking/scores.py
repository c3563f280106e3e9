"""Scores of an intermediate task that need no training, from vectors of an encoder. Only NumPy.

Legend: N rows, D dimensions, C classes. Higher is better.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
STEPS = 100
"""Most steps of the fixed-point iteration of `log_evidence`; 3 to 20 are usual."""
CLOSE = 1e-5
"""It ends when the ratio of prior to noise precision changes by less than this share."""
HALVES = 20
"""Half samples that `uncertain` draws."""


def text_similarity(one_ND: Matrix, other_ND: Matrix) -> float:
    """Return the cosine of the mean text embeddings of two tasks, -1 to 1 (TextEmb of Vu et al. 2020, arXiv 2005.00770).

    The tasks may have different N.
    """
    one_D, other_D = one_ND.mean(0), other_ND.mean(0)
    return float(one_D @ other_D / (np.linalg.norm(one_D) * np.linalg.norm(other_D)))


def logme(features_ND: Matrix, labels_N: NDArray[np.int64]) -> float:
    """Return LogME (You et al. 2021, arXiv 2102.11005): the log evidence of labels given features, per row, mean over classes.

    Each class is a regression from the features to 1 (rows of the class) or 0 (other rows) by a Bayesian linear model, whose
    prior and noise maximise the evidence. NaN for fewer than two classes.
    """
    classes = np.unique(labels_N)
    if len(classes) < 2:
        return np.nan
    U_NK, s_K, _ = np.linalg.svd(features_ND.astype(np.float64), full_matrices=False)
    return float(
        np.mean([log_evidence(U_NK, s_K, (labels_N == one).astype(np.float64), features_ND.shape[1]) for one in classes])
    )


def log_evidence(U_NK: Matrix, s_K: Matrix, target_N: Matrix, dimensions: int) -> float:
    """Return the largest log evidence per row of `target = features @ w + noise`, w ~ N(0, 1/a), noise ~ N(0, 1/b).

    `U_NK` and `s_K`: left singular vectors and singular values of the features, K = min(N, D); `dimensions`: D. The maximum over
    a and b is found by MacKay's fixed-point iteration, algorithm 3 of the paper in the basis of the singular vectors.
    """
    rows, s2_K, z2_K = len(target_N), s_K**2, (U_NK.T @ target_N) ** 2
    outside = max(float(target_N @ target_N - z2_K.sum()), 0.0)  # the part that no weights can explain
    a = b = 1.0
    for _ in range(STEPS):
        t = a / b
        effective = float((s2_K / (s2_K + t)).sum())
        weights2 = float((s2_K * z2_K / (s2_K + t) ** 2).sum())
        error2 = float((z2_K * (t / (s2_K + t)) ** 2).sum()) + outside
        a, b = effective / max(weights2, 1e-12), (rows - effective) / max(error2, 1e-12)
        if abs(a / b - t) <= CLOSE * t:
            break
    t = a / b
    weights2 = float((s2_K * z2_K / (s2_K + t) ** 2).sum())
    error2 = float((z2_K * (t / (s2_K + t)) ** 2).sum()) + outside
    log_determinant = float(np.log(a + b * s2_K).sum()) + (dimensions - len(s2_K)) * np.log(a)
    evidence = dimensions * np.log(a) + rows * np.log(b / (2 * np.pi)) - b * error2 - a * weights2 - log_determinant
    return float(evidence / (2 * rows))


def uncertain(score: Callable[[NDArray[np.int64]], float], rows: int, seed: int = 0) -> tuple[float, float]:
    """Return the score of all rows, and its standard error over examples.

    `score` takes row numbers, int64. The error is the delete-d jackknife's with d = N/2 (Shao and Wu 1989): the standard
    deviation of the scores of random halves. A bootstrap would repeat rows, and repeated rows have too high an evidence.
    """
    chance = np.random.default_rng(seed)
    halves = [score(np.sort(chance.permutation(rows)[: rows // 2])) for _ in range(HALVES)]
    return score(np.arange(rows)), float(np.nanstd(halves, ddof=1))
