from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.reporting.effects import GroupEffect, group_effects
from xstilts.reporting.items import Items, ItemVariance, check_paired, deviations, item_variance, same_items, score_items

OTHERS = ["qab", "qac"]


def prediction(language: str, name: str, right: bool, **more: Any) -> dict[str, Any]:
    row = {"task": "t", "language": language, "split": "test", "id": name, "prediction": ["x"] if right else ["y"], "gold": ["x"]}
    return {"cluster": name} | row | more


def items(clusters: Sequence[object] | None = None, /, **correct: Sequence[int]) -> Items:
    """Items of accuracy, numbered from 0, in each language; each is a cluster of its own unless `clusters` are given."""
    named = [str(name) for name in clusters or range(max(map(len, correct.values())))]
    rows = [
        prediction(code, str(number), bool(right), cluster=named[number])
        for code, column in correct.items()
        for number, right in enumerate(column)
    ]
    return score_items(rows, "retrieval_accuracy", "test")


def random_items(rng: np.random.Generator, chances: dict[str, float], size: int) -> Items:
    return items(**{code: (rng.random(size) < chance).astype(int).tolist() for code, chance in chances.items()})


def of_difference(baseline: Mapping[int, Items], treated: Mapping[int, Items], codes: Sequence[str]) -> ItemVariance:
    """Variance of treated less baseline, mean over languages."""
    signed = ((-1, deviations(baseline)), (1, deviations(treated)))
    found = item_variance((sign / len(codes), side[code]) for sign, side in signed for code in codes)
    assert found
    return found


def compared(baseline: Items, treated: Items, codes: Sequence[str]) -> GroupEffect:
    """Compare two single runs."""
    sides = [
        {1: {code: 100 * float(own.right_K.sum() / own.of_K.sum()) for code, own in side.items()}} for side in (baseline, treated)
    ]
    return next(group_effects(*sides, {("all", "whole"): codes}, ({1: baseline}, {1: treated})))


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.booleans())
def test_the_same_predictions_do_not_vary(right: list[bool], certain: bool) -> None:
    same = items(qab=[int(value) for value in right], qac=[int(certain)] * len(right))
    assert of_difference({1: same}, {1: same}, OTHERS) == ItemVariance(0.0, len(right), len(right))


@given(st.integers(0, 20), st.integers(2, 6))
@settings(max_examples=25)
def test_a_gain_in_every_item_is_certain_and_the_sides_can_be_exchanged(seed: int, languages: int) -> None:
    rng = np.random.default_rng(seed)
    codes = [f"q{number}" for number in range(languages)]
    wrong, right = random_items(rng, dict.fromkeys(codes, 0.0), 20), random_items(rng, dict.fromkeys(codes, 1.0), 20)
    assert of_difference({1: wrong}, {1: right}, codes).variance == 0.0
    one, two = (random_items(rng, dict.fromkeys(codes, 0.5), 20) for _ in range(2))
    there, back = (of_difference({1: a}, {1: b}, codes) for a, b in ((one, two), (two, one)))
    assert there.variance == pytest.approx(back.variance)


def test_seeds_are_averaged() -> None:
    bad, good = items(qab=[0, 0, 1, 1]), items(qab=[1, 1, 1, 1])
    both, alone = of_difference({1: bad, 2: bad}, {1: good, 2: bad}, ["qab"]), of_difference({1: bad}, {1: good}, ["qab"])
    assert both.variance == pytest.approx(alone.variance / 4)


def test_one_cluster_or_no_item_gives_no_variance() -> None:
    alone = deviations({1: items("aaa", qab=[1, 0, 1])})
    assert item_variance([(1.0, alone["qab"])]) is None and item_variance([]) is None
    assert (found := compared(items("aa", qab=[1, 0]), items("aa", qab=[1, 1]), ["qab"])).items == 0 and found.effect.covers == ""


def test_with_a_cluster_for_each_item_it_is_the_squared_standard_error_of_the_mean() -> None:
    rng = np.random.default_rng(5)
    one, two = (rng.random(300) < chance for chance in (0.5, 0.6))
    found = of_difference({1: items(qab=one.tolist())}, {1: items(qab=two.tolist())}, ["qab"])
    difference = 100 * (two.astype(float) - one)
    assert found.variance == pytest.approx(difference.var(ddof=1) / 300, rel=1e-12)


def test_it_is_the_variance_of_scipys_paired_bootstrap() -> None:
    from scipy.stats import bootstrap  # imported here since it takes a second

    rng = np.random.default_rng(5)
    one, two = (rng.random(300) < chance for chance in (0.5, 0.6))
    found = of_difference({1: items(qab=one.tolist())}, {1: items(qab=two.tolist())}, ["qab"])
    difference = 100 * (two.astype(float) - one)
    peer = bootstrap((difference,), np.mean, method="percentile", random_state=np.random.default_rng(1))
    assert np.sqrt(found.variance) == pytest.approx(peer.standard_error, rel=0.03)


def test_it_is_the_variance_of_a_cluster_bootstrap_of_an_f1_with_clusters_of_all_sizes() -> None:
    """An F1 is a ratio of sums: the bootstrap draws whole clusters, in both languages, and scores them anew."""
    rng, tags = np.random.default_rng(8), ["B-X", "O"]
    size, cluster_N = 400, np.sort(np.random.default_rng(2).integers(0, 60, 400))
    gold = {code: [rng.choice(tags, 5).tolist() for _ in range(size)] for code in OTHERS}
    hard_K = rng.random(60) < 0.5
    sides, tables = [], []
    for wrong in (0.4, 0.2):
        rows, table_L = [], []
        for code in OTHERS:
            given_N = []
            for n, own in enumerate(gold[code]):
                flipped = rng.random(5) < (wrong if hard_K[cluster_N[n]] else wrong / 4)
                given_N.append([tags[1 - tags.index(tag)] if flip else tag for tag, flip in zip(own, flipped, strict=True)])
                rows.append(prediction(code, str(n), True, prediction=given_N[n], gold=own, cluster=str(cluster_N[n])))
            parts_N2 = metrics.item_scores("tagging_f1", gold[code], given_N, code)
            table_L.append([np.bincount(cluster_N, weights=part_N) for part_N in parts_N2.T])
        sides.append(score_items(rows, "tagging_f1", "test"))
        tables.append(np.array(table_L))
    clusters = len(np.unique(cluster_N))
    counts_RK = np.random.default_rng(3).multinomial(clusters, np.full(clusters, 1 / clusters), size=4000)
    scores_SRL = [100 * (counts_RK @ table_L2K[:, 0].T) / (counts_RK @ table_L2K[:, 1].T) for table_L2K in tables]
    bootstrapped = (scores_SRL[1] - scores_SRL[0]).mean(axis=1).std()
    found = of_difference({1: sides[0]}, {1: sides[1]}, OTHERS)
    assert np.sqrt(found.variance) == pytest.approx(bootstrapped, rel=0.04)
    assert (found.items, found.clusters) == (size, clusters)


def test_a_combination_of_choices_languages_and_targets_has_weights() -> None:
    """An interaction of choices and languages, and a mean over two targets."""
    rng = np.random.default_rng(4)
    right = {choice: {code: rng.random(200) < 0.5 for code in OTHERS} for choice in ("a", "b")}
    sides = {choice: deviations({1: items(**own)}) for choice, own in right.items()}
    signs = {("a", "qab"): 1.0, ("b", "qab"): -1.0, ("a", "qac"): -1.0, ("b", "qac"): 1.0}
    found = item_variance((weight, sides[choice][code]) for (choice, code), weight in signs.items())
    combined = sum(100 * weight * right[choice][code] for (choice, code), weight in signs.items())
    assert found and found.variance == pytest.approx(np.var(combined, ddof=1) / 200)
    other = score_items([prediction("qab", str(n), n % 3 > 0, task="u") for n in range(50)], "retrieval_accuracy", "test")
    mean = item_variance([(0.5, sides["a"]["qab"]), (0.5, deviations({1: other})["qab"])])
    apart = [item_variance([(0.5, one)]) for one in (sides["a"]["qab"], deviations({1: other})["qab"])]
    assert mean and all(apart) and mean.items == 250
    assert mean.variance == pytest.approx(sum(one.variance for one in apart if one), rel=0.02), "targets share no items"


def coverage(rng: np.random.Generator, clustered: bool, rounds: int) -> float:
    """Simulate two runs on 5 questions in each of 50 paragraphs, in two languages; return how often the interval covers.

    A run is right where the mean of a paragraph's, a translated question's and a language's own part is positive. The first two
    are drawn for each run, so that the gain in questions of one paragraph has an intraclass correlation.
    """
    paragraphs, each, hits, correlations = 50, 5, 0, []
    paragraph_N = np.repeat(np.arange(paragraphs), each)
    share = 0.46  # of the paragraph in the variance of the latent ease, which makes an ICC of 0.3 in right and wrong
    for _ in range(rounds):
        sides = []
        for level in (0.0, 0.2):
            common_N = np.sqrt(share) * rng.normal(size=paragraphs)[paragraph_N] + np.sqrt(0.3) * rng.normal(
                size=paragraphs * each
            )
            own = {code: common_N + np.sqrt(0.7 - share) * rng.normal(size=paragraphs * each) + level > 0 for code in OTHERS}
            sides.append(own)
        correlations.append(intraclass(100.0 * sides[1]["qab"] - 100.0 * sides[0]["qab"], each))
        named = [items(paragraph_N.tolist() if clustered else None, **{c: r.tolist() for c, r in own.items()}) for own in sides]
        found = compared(named[0], named[1], OTHERS).effect
        hits += found.low <= 7.926 <= found.high  # 100 (Phi(0.2) - Phi(0))
    assert np.mean(correlations) == pytest.approx(0.3, abs=0.02)
    return hits / rounds


def intraclass(values_N: np.ndarray, each: int) -> float:
    """Intraclass correlation by analysis of variance (Shrout and Fleiss 1979, case 1)."""
    table = values_N.reshape(-1, each)
    between, within = each * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    return float((between - within) / (between + (each - 1) * within))


@pytest.mark.slow
def test_intervals_cover_where_items_are_clustered() -> None:
    assert coverage(np.random.default_rng(1), clustered=True, rounds=300) >= 0.93
    assert coverage(np.random.default_rng(1), clustered=False, rounds=100) < 0.87, (
        "questions of one paragraph are no independent sample"
    )


def test_translations_of_one_item_are_drawn_together() -> None:
    """If languages were drawn apart, the variance of a mean over four that agree would be a quarter."""
    rng = np.random.default_rng(3)
    one, two = ((rng.random(200) < 0.5).astype(int).tolist() for _ in range(2))
    codes = ["qab", "qac", "qad", "qae"]
    found = []
    for chosen in (codes[:1], codes):
        sides = [items(**dict.fromkeys(chosen, column)) for column in (one, two)]
        found.append(of_difference({1: sides[0]}, {1: sides[1]}, chosen))
    assert found[1].variance == pytest.approx(found[0].variance) and found[1].items == found[0].items == 200


def test_sentences_of_languages_that_are_no_translations_are_added_up() -> None:
    rng = np.random.default_rng(6)
    apart = []
    for _ in range(2):
        rows = [prediction(c, f"test-{n}", rng.random() < 0.5, cluster=f"{c}/test-{n}") for c in OTHERS for n in range(50)]
        apart.append(score_items(rows, "retrieval_accuracy", "test"))
    found = of_difference({1: apart[0]}, {1: apart[1]}, OTHERS)
    singles = [of_difference({1: apart[0]}, {1: apart[1]}, [code]) for code in OTHERS]
    assert (found.items, found.clusters) == (100, 100) and {one.items for one in singles} == {50}
    assert found.variance == pytest.approx(sum(one.variance for one in singles) / 4, rel=0.02)


def test_unlike_items_are_refused() -> None:
    first = items(qab=[1, 0])
    message = "^the predictions to compare do not have the same test items in language 'qab': "
    for other in (items(qab=[1]), items("aa", qab=[1, 0]), items(qab=[1, 0], qac=[1])):
        assert not same_items(first, other) and same_items(other, other)
        with pytest.raises(UserError, match=message.replace("qab", "qac") if "qac" in other else message):
            check_paired(first, other)


def test_items_are_named_without_their_language() -> None:
    rows = [prediction("qab", "qab/1", True), prediction("qac", "qac/1", False), prediction("qac", "2", True)]
    rows += [prediction("qab", "qab/3", True, gold=None), prediction("qab", "qab/1", True, split="validation")]
    found = score_items([row | {"cluster": "c"} for row in rows], "retrieval_accuracy", "test")
    assert {code: (own.right_K.tolist(), own.of_K.tolist()) for code, own in found.items()} == {
        "qab": ([1], [1]),
        "qac": ([1], [2]),
    }
    assert set(found["qab"].items_N) < set(found["qac"].items_N) and len(found["qac"].items_N) == 2


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["B-X", "I-X", "O", "B-Y"]), min_size=3, max_size=3)] * 2), min_size=1))
def test_the_items_of_an_f1_give_the_f1(sentences: list[tuple[list[str], ...]]) -> None:
    gold, tags = (list(column) for column in zip(*sentences, strict=True))
    rows = [prediction("qab", str(n), True, prediction=tags[n], gold=right) for n, right in enumerate(gold)]
    own = score_items(rows, "tagging_f1", "test")["qab"]
    assert 100 * own.right_K.sum() / (own.of_K.sum() or 1) == pytest.approx(
        metrics.score("tagging_f1", gold, tags, "qab")["f1_seqeval_1_2_2"]
    )
