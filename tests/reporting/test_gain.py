import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.reporting.gain import Items, gains, score_items

OTHERS = {"others": ["qab", "qac"]}


def items(**correct: Sequence[int]) -> Items:
    """Items of accuracy, numbered from 0, in each language."""
    return {code: {str(number): (float(right), 1.0) for number, right in enumerate(column)} for code, column in correct.items()}


def random_items(rng: np.random.Generator, chances: dict[str, float], size: int) -> Items:
    return items(**{code: (rng.random(size) < chance).astype(int).tolist() for code, chance in chances.items()})


def test_a_paired_difference_by_hand() -> None:
    baseline = items(qaa=[1, 1, 0, 0], qab=[0, 0, 0, 1], qac=[0, 1, 0, 0])
    treated = items(qaa=[1, 1, 1, 0], qab=[1, 1, 0, 1], qac=[0, 1, 0, 0])
    found = gains({1: baseline}, {1: treated}, {"qaa": ["qaa"], **OTHERS, "absent": ["xx"]})
    assert set(found) == {"qaa", "others"}
    assert (found["qaa"].value, found["others"].value) == (pytest.approx(25), pytest.approx(25))
    assert found["others"].by_seed == {1: pytest.approx(25)} and found["others"].items == 4


def test_of_several_seeds_only_the_common_ones_count() -> None:
    bad, good = items(qab=[0, 0, 1, 1]), items(qab=[1, 1, 1, 1])
    found = gains({1: bad, 2: bad, 3: bad}, {2: good, 1: bad, 9: good}, {"others": ["qab"]})["others"]
    assert found.by_seed == {1: 0.0, 2: 50.0} and found.value == 25.0
    assert gains({1: bad}, {2: good}, {"others": ["qab"]}) == {}


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.booleans())
def test_the_same_predictions_gain_nothing(right: list[bool], certain: bool) -> None:
    same = items(qab=[int(value) for value in right], qac=[int(certain)] * len(right))
    gain = gains({1: same}, {1: same}, OTHERS, resamples=50)["others"]
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


@given(st.integers(0, 20), st.integers(2, 6))
@settings(max_examples=25)
def test_a_gain_in_every_item_is_certain_and_its_reverse_is_its_negative(seed: int, languages: int) -> None:
    rng = np.random.default_rng(seed)
    codes = [f"q{number}" for number in range(languages)]
    wrong, right = random_items(rng, dict.fromkeys(codes, 0.0), 20), random_items(rng, dict.fromkeys(codes, 1.0), 20)
    gain = gains({1: wrong}, {1: right}, {"all": codes}, resamples=50)["all"]
    assert (gain.value, gain.low, gain.high) == (100, 100, 100)
    one, two = (random_items(rng, dict.fromkeys(codes, 0.5), 20) for _ in range(2))
    there, back = (gains({1: a}, {1: b}, {"all": codes}, resamples=50)["all"] for a, b in ((one, two), (two, one)))
    assert there.value == pytest.approx(-back.value)
    assert there.low == pytest.approx(-back.high)
    assert there.low <= there.value <= there.high


def test_the_interval_is_that_of_scipys_paired_bootstrap() -> None:
    from scipy.stats import bootstrap  # only here: it comes with what the tests need

    rng = np.random.default_rng(5)
    one, two = (rng.random(300) < chance for chance in (0.5, 0.6))
    gain = gains({1: items(qab=one.tolist())}, {1: items(qab=two.tolist())}, {"qab": ["qab"]}, resamples=9999)["qab"]
    difference = 100 * (two.astype(float) - one)
    peer = bootstrap((difference,), np.mean, method="percentile", random_state=np.random.default_rng(1))
    assert gain.value == pytest.approx(difference.mean())
    assert (gain.low, gain.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.4)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Two languages with the same events: an item is as hard in one as in the other."""
    rng = np.random.default_rng(7)
    hits, rounds, size = 0, 300, 80
    shares, flipped = (0.4, 0.5), 0.1  # of items that are easy enough; of those that a language gets the other way round
    truth = 100 * (shares[1] - shares[0]) * (1 - 2 * flipped)
    for _ in range(rounds):
        easy_N, noise = rng.random(size), {code: rng.random(size) < flipped for code in OTHERS["others"]}
        sides = [items(**{code: ((easy_N < share) ^ noise[code]).tolist() for code in noise}) for share in shares]
        gain = gains({1: sides[0]}, {1: sides[1]}, OTHERS, resamples=200)["others"]
        hits += gain.low <= truth <= gain.high
    assert 0.88 <= hits / rounds <= 0.99


def test_translations_of_one_item_are_drawn_together() -> None:
    """Were languages drawn apart, the interval of a mean over four that agree would be half as wide."""
    rng = np.random.default_rng(3)
    one, two = ((rng.random(200) < 0.5).astype(int).tolist() for _ in range(2))
    codes = ["qab", "qac", "qad", "qae"]
    widths = []
    for chosen in (codes[:1], codes):
        sides = [items(**dict.fromkeys(chosen, column)) for column in (one, two)]
        gain = gains({1: sides[0]}, {1: sides[1]}, {"all": chosen})["all"]
        widths.append(gain.high - gain.low)
    assert widths[1] == pytest.approx(widths[0])


def test_it_is_fast_and_the_same_every_time() -> None:
    rng = np.random.default_rng(0)
    codes = {f"q{number}": 0.5 for number in range(8)}
    sides = [{seed: random_items(rng, codes, 300) for seed in (1, 2, 3)} for _ in range(2)]
    start = time.process_time()
    first = gains(*sides, {"others": list(codes)[1:], "source": list(codes)[:1]})
    assert time.process_time() - start < 5  # about 0.3 s
    assert first == gains(*sides, {"others": list(codes)[1:], "source": list(codes)[:1]})


def test_unlike_items_are_refused() -> None:
    message = "^the predictions to compare do not have the same test items in language 'qab': "
    for other in (items(qab=[1]), items(qab=[1, 0], qac=[1])):
        with pytest.raises(UserError, match=message.replace("qab", "qac") if "qac" in other else message):
            gains({1: items(qab=[1, 0])}, {1: other}, {"all": ["qab"]})


def prediction(language: str, name: str, right: bool, **more: Any) -> dict[str, Any]:
    row = {"task": "t", "language": language, "split": "test", "id": name, "prediction": ["x"] if right else ["y"], "gold": ["x"]}
    return row | more


def test_items_are_named_without_their_language() -> None:
    rows = [prediction("qab", "qab/1", True), prediction("qac", "qac/1", False), prediction("qac", "2", True)]
    rows += [prediction("qab", "qab/3", True, gold=None), prediction("qab", "qab/1", True, split="validation")]
    assert score_items(rows, "retrieval_accuracy", "test") == {"qab": {"1": (1, 1)}, "qac": {"1": (0, 1), "2": (1, 1)}}


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["B-X", "I-X", "O", "B-Y"]), min_size=3, max_size=3)] * 3), min_size=1))
def test_the_gain_of_an_f1_is_the_difference_of_the_f1s(sentences: list[tuple[list[str], ...]]) -> None:
    gold, one, two = (list(column) for column in zip(*sentences, strict=True))
    both, scores = [], []
    for given_tags in (one, two):
        rows = [
            prediction("qab", str(number), True, prediction=tags, gold=right)
            for number, (tags, right) in enumerate(zip(given_tags, gold, strict=True))
        ]
        both.append(score_items(rows, "tagging_f1", "test"))
        scores.append(metrics.score("tagging_f1", gold, given_tags, "qab")["f1_seqeval_1_2_2"])
    gain = gains({1: both[0]}, {1: both[1]}, {"qab": ["qab"]}, resamples=20)["qab"]
    assert gain.value == pytest.approx(scores[1] - scores[0])
