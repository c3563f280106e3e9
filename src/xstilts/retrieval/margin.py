"""Bitext mining with the ratio margin, as XTREME does it for BUCC (google-research/xtreme third_party/utils_retrieve.py).

Legend: S source and T target sentences, D dimensions, k neighbours.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xstilts.retrieval.neighbours import nearest_both_ways

NEIGHBOURS = 4
Pair = tuple[str, str]
"""Ids of a source and a target sentence."""


def same_texts(texts: Sequence[str]) -> list[list[int]]:
    """Return the positions of each distinct text, in the order in which the texts first occur.

    Mining runs over different texts: copies of a text would compete as neighbours. A mined pair of texts holds for every id with
    these texts, as in nyu-mll/jiant. XTREME mines in the same way, but then drops every pair in which either text occurs more
    than once, so it never returns the gold pairs of such sentences.
    """
    positions: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        positions.setdefault(text, []).append(position)
    return list(positions.values())


def mine(source_SD: Tensor, target_TD: Tensor, k: int = NEIGHBOURS) -> list[tuple[float, int, int]]:
    """Return pairs (score, position in source, position in target), the best first; every position occurs at most once.

    source_SD, target_TD: float32 vectors of length 1. The score of a pair is its cosine over the mean of two means, that of the
    cosines of x with its k nearest neighbours in the target and of y with its k nearest in the source (ratio margin). Candidates
    are the best neighbour of each source and of each target sentence; they are taken greedily by score, and those with a score
    of 0 or less are left out ("max" retrieval). Equal scores: the lower source position of the forward direction first.
    """
    if not len(source_SD) or not len(target_TD):
        return []
    forward, backward = nearest_both_ways(source_SD, target_TD, k)
    forward_Sk, targets_Sk = (values.cpu().numpy() for values in forward)
    backward_Tk, sources_Tk = (values.cpu().numpy() for values in backward)
    mean_S, mean_T = forward_Sk.mean(axis=1, dtype=np.float64), backward_Tk.mean(axis=1, dtype=np.float64)
    best_S, score_S = _best(forward_Sk, targets_Sk, mean_S, mean_T)
    best_T, score_T = _best(backward_Tk, sources_Tk, mean_T, mean_S)

    sources = np.concatenate([np.arange(len(best_S)), best_T])
    targets = np.concatenate([best_S, np.arange(len(best_T))])
    scores = np.concatenate([score_S, score_T])
    pairs: list[tuple[float, int, int]] = []
    used_sources: set[int] = set()
    used_targets: set[int] = set()
    for at in np.argsort(-scores, kind="stable"):
        score, source, target = float(scores[at]), int(sources[at]), int(targets[at])
        if score <= 0:
            break
        if source not in used_sources and target not in used_targets:
            used_sources.add(source)
            used_targets.add(target)
            pairs.append((score, source, target))
    return pairs


def _best(
    cosines_Sk: NDArray[np.float32],
    neighbours_Sk: NDArray[np.int64],
    mean_S: NDArray[np.float64],
    mean_T: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for every row the neighbour with the largest margin, and that margin; a margin whose divisor is 0 counts as 0."""
    means_Sk = (mean_S[:, None] + mean_T[neighbours_Sk]) / 2
    margins_Sk = np.divide(cosines_Sk, means_Sk, out=np.zeros_like(means_Sk), where=means_Sk != 0)
    column_S1 = margins_Sk.argmax(axis=1)[:, None]
    return np.take_along_axis(neighbours_Sk, column_S1, 1)[:, 0], np.take_along_axis(margins_Sk, column_S1, 1)[:, 0]


def mine_texts(
    source_texts: Sequence[str], source_SD: Tensor, target_texts: Sequence[str], target_TD: Tensor
) -> dict[tuple[int, int], float]:
    """`mine` over different texts: the score of every pair (position in source, position in target) that has the mined texts."""
    sources, targets = same_texts(source_texts), same_texts(target_texts)
    return {
        (source, target): score
        for score, source_group, target_group in mine(_first(source_SD, sources), _first(target_TD, targets))
        for source in sources[source_group]
        for target in targets[target_group]
    }


def _first(vectors_ND: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Return the vector of each group's first member; a copy only if a group has several members."""
    return vectors_ND if len(groups) == len(vectors_ND) else vectors_ND[[group[0] for group in groups]]


def tune_threshold(scores: Mapping[Pair, float], gold: Collection[Pair]) -> tuple[float, float]:
    """Return the threshold with the best F1 on `gold`, and that F1 in percent, as `bucc_optimize` of XTREME's script.

    The pairs are ordered by score; the threshold lies midway between the last pair of the best prefix and the next lower score,
    or on the last score itself where every pair belongs to the prefix (there the script ends in an error). Of equally good
    prefixes the shortest counts. Pairs of equal score are never separated, since no threshold can do so: the F1 is always that
    of `apply_threshold`. Without any right pair: (0.0, 0.0), which keeps every pair.
    """
    right = set(gold)
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    threshold = best = 0.0
    correct = 0
    for taken, (pair, score) in enumerate(ranked, start=1):
        correct += pair in right
        following = ranked[taken][1] if taken < len(ranked) else None
        if following == score or not correct:
            continue
        f1 = 100.0 * 2 * correct / (taken + len(right))
        if f1 > best:
            best, middle = f1, score if following is None else (score + following) / 2
            # There is no float between two neighbouring floats.
            threshold = score if middle == following else middle
    return threshold, best


def apply_threshold(scores: Mapping[Pair, float], threshold: float) -> list[Pair]:
    """Return the pairs that score `threshold` or more, the best first."""
    return [pair for pair, score in sorted(scores.items(), key=lambda item: -item[1]) if score >= threshold]
