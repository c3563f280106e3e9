import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.reporting.items import Items, ItemVariance, item_variances, score_items
from xstilts.reporting.statistics import effect

OTHERS = {"others": ["qab", "qac"]}


def items(**correct: Sequence[int]) -> Items:
    """Items of accuracy, numbered from 0, in each language."""
    return {code: {str(number): (float(right), 1.0) for number, right in enumerate(column)} for code, column in correct.items()}


def random_items(rng: np.random.Generator, chances: dict[str, float], size: int) -> Items:
    return items(**{code: (rng.random(size) < chance).astype(int).tolist() for code, chance in chances.items()})


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.booleans())
def test_the_same_predictions_do_not_vary(right: list[bool], certain: bool) -> None:
    same = items(qab=[int(value) for value in right], qac=[int(certain)] * len(right))
    assert item_variances({1: same}, {1: same}, OTHERS, resamples=50) == {"others": ItemVariance(0.0, len(right))}


@given(st.integers(0, 20), st.integers(2, 6))
@settings(max_examples=25)
def test_a_gain_in_every_item_is_certain_and_the_sides_can_be_exchanged(seed: int, languages: int) -> None:
    rng = np.random.default_rng(seed)
    codes = [f"q{number}" for number in range(languages)]
    wrong, right = random_items(rng, dict.fromkeys(codes, 0.0), 20), random_items(rng, dict.fromkeys(codes, 1.0), 20)
    assert item_variances({1: wrong}, {1: right}, {"all": codes}, resamples=50)["all"].variance == 0.0
    one, two = (random_items(rng, dict.fromkeys(codes, 0.5), 20) for _ in range(2))
    there, back = (item_variances({1: a}, {1: b}, {"all": codes}, resamples=50)["all"] for a, b in ((one, two), (two, one)))
    assert there.variance == pytest.approx(back.variance)


def test_groups_without_items_are_left_out_and_seeds_are_averaged() -> None:
    bad, good = items(qab=[0, 0, 1, 1]), items(qab=[1, 1, 1, 1])
    found = item_variances({1: bad, 2: bad}, {1: good, 2: bad}, {**OTHERS, "absent": ["xx"]})
    alone = item_variances({1: bad}, {1: good}, OTHERS)
    assert set(found) == {"others"} and found["others"].variance == pytest.approx(alone["others"].variance / 4)


def test_the_variance_is_that_of_scipys_paired_bootstrap() -> None:
    from scipy.stats import bootstrap  # imported here since it takes a second

    rng = np.random.default_rng(5)
    one, two = (rng.random(300) < chance for chance in (0.5, 0.6))
    found = item_variances({1: items(qab=one.tolist())}, {1: items(qab=two.tolist())}, {"qab": ["qab"]}, resamples=9999)["qab"]
    difference = 100 * (two.astype(float) - one)
    peer = bootstrap((difference,), np.mean, method="percentile", random_state=np.random.default_rng(1))
    assert np.sqrt(found.variance) == pytest.approx(peer.standard_error, rel=0.03)


def test_the_interval_of_one_run_covers_the_truth_about_these_runs_as_often_as_it_says() -> None:
    """Two languages with the same events: an item is as hard in one as in the other."""
    rng = np.random.default_rng(7)
    hits, rounds, size = 0, 300, 80
    shares, flipped = (0.4, 0.5), 0.1  # of items that are easy enough; of items that a language answers the other way round
    truth = 100 * (shares[1] - shares[0]) * (1 - 2 * flipped)
    for _ in range(rounds):
        easy_N, noise = rng.random(size), {code: rng.random(size) < flipped for code in OTHERS["others"]}
        right = [{code: (easy_N < share) ^ noise[code] for code in noise} for share in shares]
        sides = [items(**{code: column.tolist() for code, column in side.items()}) for side in right]
        scores = [np.array([[100 * column.mean() for column in side.values()]]) for side in right]
        variance = item_variances({1: sides[0]}, {1: sides[1]}, OTHERS, resamples=200)["others"].variance
        judged = effect(scores[0], scores[1], variance)
        hits += judged.low <= truth <= judged.high
    assert 0.88 <= hits / rounds <= 0.99


def test_translations_of_one_item_are_drawn_together() -> None:
    """If languages were drawn apart, the variance of a mean over four that agree would be a quarter."""
    rng = np.random.default_rng(3)
    one, two = ((rng.random(200) < 0.5).astype(int).tolist() for _ in range(2))
    codes = ["qab", "qac", "qad", "qae"]
    variances = []
    for chosen in (codes[:1], codes):
        sides = [items(**dict.fromkeys(chosen, column)) for column in (one, two)]
        variances.append(item_variances({1: sides[0]}, {1: sides[1]}, {"all": chosen})["all"].variance)
    assert variances[1] == pytest.approx(variances[0])


def test_it_is_fast_and_the_same_every_time() -> None:
    rng = np.random.default_rng(0)
    codes = {f"q{number}": 0.5 for number in range(8)}
    sides = [{seed: random_items(rng, codes, 300) for seed in (1, 2, 3)} for _ in range(2)]
    start = time.process_time()
    first = item_variances(*sides, {"others": list(codes)[1:], "source": list(codes)[:1]})
    assert time.process_time() - start < 5  # about 0.3 s
    assert first == item_variances(*sides, {"others": list(codes)[1:], "source": list(codes)[:1]})


def test_unlike_items_are_refused() -> None:
    message = "^the predictions to compare do not have the same test items in language 'qab': "
    for other in (items(qab=[1]), items(qab=[1, 0], qac=[1])):
        with pytest.raises(UserError, match=message.replace("qab", "qac") if "qac" in other else message):
            item_variances({1: items(qab=[1, 0])}, {1: other}, {"all": ["qab"]})


def prediction(language: str, name: str, right: bool, **more: Any) -> dict[str, Any]:
    row = {"task": "t", "language": language, "split": "test", "id": name, "prediction": ["x"] if right else ["y"], "gold": ["x"]}
    return row | more


def test_items_are_named_without_their_language() -> None:
    rows = [prediction("qab", "qab/1", True), prediction("qac", "qac/1", False), prediction("qac", "2", True)]
    rows += [prediction("qab", "qab/3", True, gold=None), prediction("qab", "qab/1", True, split="validation")]
    assert score_items(rows, "retrieval_accuracy", "test") == {"qab": {"1": (1, 1)}, "qac": {"1": (0, 1), "2": (1, 1)}}


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["B-X", "I-X", "O", "B-Y"]), min_size=3, max_size=3)] * 2), min_size=1))
def test_the_items_of_an_f1_give_the_f1(sentences: list[tuple[list[str], ...]]) -> None:
    gold, tags = (list(column) for column in zip(*sentences, strict=True))
    rows = [prediction("qab", str(n), True, prediction=tags[n], gold=right) for n, right in enumerate(gold)]
    right, of = np.sum(list(score_items(rows, "tagging_f1", "test")["qab"].values()), axis=0)
    assert 100 * right / (of or 1) == pytest.approx(metrics.score("tagging_f1", gold, tags, "qab")["f1_seqeval_1_2_2"])
