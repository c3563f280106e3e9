from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from xstilts.retrieval import margin
from xstilts.retrieval.margin import apply_threshold, mine, mine_texts, same_texts, tune_threshold
from xstilts.retrieval.neighbours import nearest


def unit(rows: int, columns: int, seed: int) -> Tensor:
    return normalize(torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)), dim=1)


def mine_by_definition(x: np.ndarray, y: np.ndarray, k: int) -> list[tuple[float, int, int]]:
    cosines = x @ y.T
    mean_x = -np.sort(-cosines, axis=1)[:, :k].mean(axis=1)
    mean_y = -np.sort(-cosines, axis=0)[:k].mean(axis=0)
    candidates = []
    for i in range(len(x)):
        near = np.argsort(-cosines[i], kind="stable")[:k]
        candidates.append(max((cosines[i, j] / ((mean_x[i] + mean_y[j]) / 2), i, int(j)) for j in near))
    for j in range(len(y)):
        near = np.argsort(-cosines[:, j], kind="stable")[:k]
        candidates.append(max((cosines[i, j] / ((mean_x[i] + mean_y[j]) / 2), int(i), j) for i in near))
    found: list[tuple[float, int, int]] = []
    for score, i, j in sorted(candidates, reverse=True):
        if score > 0 and all(i != other_i and j != other_j for _, other_i, other_j in found):
            found.append((float(score), i, j))
    return found


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6), st.integers(2, 4))
def test_mining_equals_its_definition(sources: int, targets: int, seed: int, k: int) -> None:
    # Cosines far from 0, so that float32 and float64 agree; with k = 1 every mutual best pair has the margin 1.
    x, y = unit(sources, 5, seed).abs(), unit(targets, 5, seed + 1).abs()
    mined = mine(x, y, k)
    expected = mine_by_definition(x.double().numpy(), y.double().numpy(), k)
    assert [pair[1:] for pair in mined] == [pair[1:] for pair in expected]
    assert [pair[0] for pair in mined] == pytest.approx([pair[0] for pair in expected], rel=1e-5)


def mine_in_two_searches(source: Tensor, target: Tensor, k: int) -> list[tuple[float, int, int]]:
    def two_searches(source: Tensor, target: Tensor, k: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        return nearest(source, target, k), nearest(target, source, k)

    with mock.patch.object(margin, "nearest_both_ways", two_searches):
        return mine(source, target, k)


@settings(deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.integers(0, 10**6), st.integers(0, 2), st.integers(1, 5))
def test_one_product_for_both_directions_changes_no_tie(sources: int, targets: int, seed: int, largest: int, k: int) -> None:
    # Small integers: duplicates, zero vectors, for `largest` = 0 nothing else; every product is exact.
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randint(-largest, largest + 1, (rows, 3), generator=generator).float() for rows in (sources, targets))
    assert mine(x, y, k) == mine_in_two_searches(x, y, k)


@pytest.mark.parametrize(("sources", "targets"), [(300, 410), (1, 300), (300, 1), (257, 256)])
def test_one_product_for_both_directions_finds_the_same_pairs(sources: int, targets: int) -> None:
    x, y = unit(sources, 96, 1), unit(targets, 96, 2)
    mined, expected = mine(x, y), mine_in_two_searches(x, y, 4)
    assert [pair[1:] for pair in mined] == [pair[1:] for pair in expected]
    assert [pair[0] for pair in mined] == pytest.approx([pair[0] for pair in expected], rel=1e-5)


def test_planted_pairs_are_found_first() -> None:
    x = unit(60, 32, 1)
    noise = unit(25, 32, 2)
    y = normalize(torch.cat([x[10:40] + 0.3 * noise.mean(dim=0) + 0.05 * unit(30, 32, 3), noise]), dim=1)
    mined = mine(x, y)
    assert {(source, target) for _, source, target in mined[:30]} == {(10 + i, i) for i in range(30)}
    scores = [score for score, _, _ in mined]
    assert scores == sorted(scores, reverse=True) and scores[29] > scores[30]
    assert len({source for _, source, _ in mined}) == len({target for _, _, target in mined}) == len(mined)


def test_a_hub_that_is_close_to_every_source_is_not_mined() -> None:
    h, e = torch.eye(4)[0], torch.eye(4)[1:]
    x = normalize(h + 0.5 * e, dim=1)
    y = normalize(torch.cat([h.unsqueeze(0), h + 1.6 * e]), dim=1)
    assert (x @ y.T).argmax(dim=1).tolist() == [0, 0, 0]  # the cosine alone would take the hub
    mined = mine(x, y, k=2)
    assert {(source, target) for _, source, target in mined} == {(0, 1), (1, 2), (2, 3)}
    near, far, hub = 1.8 / (1.25 * 3.56) ** 0.5, 1 / (1.25 * 3.56) ** 0.5, 1 / 1.25**0.5
    assert mined[0][0] == pytest.approx(near / (((hub + near) / 2 + (near + far) / 2) / 2), rel=1e-5)


def test_pairs_with_a_score_of_zero_or_less_are_not_mined() -> None:
    x = torch.eye(2)
    assert mine(x, torch.tensor([[1.0, 0.0], [0.0, -1.0]]), k=1) == [(1.0, 0, 0)]


def test_zero_vectors_and_empty_sides_are_not_mined() -> None:
    assert mine(torch.zeros(3, 4), torch.zeros(2, 4)) == []
    assert mine(torch.zeros(0, 4), unit(2, 4, 1)) == []
    assert mine(unit(2, 4, 1), torch.zeros(0, 4)) == []


def test_same_texts() -> None:
    assert same_texts(["b", "a", "b", "c", "a"]) == [[0, 2], [1, 4], [3]]
    assert same_texts([]) == []


def test_a_text_stands_for_all_its_ids() -> None:
    x = unit(3, 8, 1)
    source_texts, source = ["x0", "x1", "x0", "x2"], torch.stack([x[0], x[1], x[0], x[2]])
    target_texts, target = ["y2", "y0", "y1", "y1"], torch.stack([x[2], x[0], x[1], x[1]])
    pairs = mine_texts(source_texts, source, target_texts, target)
    assert set(pairs) == {(0, 1), (2, 1), (1, 2), (1, 3), (3, 0)}
    assert pairs[0, 1] == pairs[2, 1]
    assert sorted(set(pairs.values())) == pytest.approx(
        sorted(score for score, _, _ in mine(x, x))
    )  # repetitions change no score


scored_pairs = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), st.integers(1, 6).map(lambda n: n / 4), max_size=10
)
gold_pairs = st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=6)


def f1(predicted: list[tuple[str, str]], gold: set[tuple[str, str]]) -> float:
    return 200 * len(gold & set(predicted)) / max(1, len(predicted) + len(gold))


@settings(deadline=None)
@given(scored_pairs, gold_pairs)
def test_threshold_is_the_best_of_all(scores: dict[tuple[str, str], float], gold: set[tuple[str, str]]) -> None:
    threshold, best = tune_threshold(scores, gold)
    kept = apply_threshold(scores, threshold)
    assert f1(kept, gold) == pytest.approx(best)
    values = sorted(set(scores.values()))
    everything = [pair for pair, _ in sorted(scores.items(), key=lambda item: -item[1])]
    for candidate in [0.0, *values]:
        other = [pair for pair in everything if scores[pair] >= candidate]
        assert f1(other, gold) <= best + 1e-9
        if f1(other, gold) == pytest.approx(best) and best > 0:
            assert len(kept) <= len(other)  # the shortest of equally good prefixes


def test_threshold_lies_midway() -> None:
    scores = {("a", "w"): 2.0, ("b", "x"): 1.5, ("c", "y"): 1.0}
    assert tune_threshold(scores, {("a", "w"), ("b", "x")}) == (1.25, 100.0)
    assert tune_threshold(scores, {("a", "w")}) == (1.75, 100.0)


def test_threshold_where_nothing_follows_or_nothing_is_right() -> None:
    scores = {("a", "w"): 2.0, ("b", "x"): 1.5}
    assert tune_threshold(scores, set(scores)) == (1.5, 100.0)
    assert tune_threshold(scores, {("z", "z")}) == (0.0, 0.0)
    assert tune_threshold({}, {("z", "z")}) == (0.0, 0.0)
    assert apply_threshold(scores, 0.0) == [("a", "w"), ("b", "x")]


def test_threshold_between_neighbouring_floats_keeps_them_apart() -> None:
    upper = 1.0
    lower = float(np.nextafter(upper, 0))
    scores = {("a", "w"): upper, ("b", "x"): lower}
    threshold, best = tune_threshold(scores, {("a", "w")})
    assert best == 100.0 and apply_threshold(scores, threshold) == [("a", "w")]
