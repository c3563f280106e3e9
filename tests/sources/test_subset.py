"""Nested, deterministic samples."""

from collections import Counter

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources.subset import subset


def _examples(count: int, language: str = "en") -> Dataset:
    return Dataset.from_dict({"id": [f"train-{i}" for i in range(count)], "language": [language] * count})


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 70))
def test_a_smaller_number_is_inside_a_larger_one(count, small, large):
    small, large = sorted((small, large))
    examples = _examples(count)
    few, many = subset(examples, small, None)["id"][:], subset(examples, large, None)["id"][:]
    assert len(few) == min(small, count)
    assert set(few) <= set(many)
    assert many == [name for name in examples["id"][:] if name in set(many)]  # original order


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_smaller_fraction_is_inside_a_larger_one(count, small, large):
    small, large = sorted((small, large))
    few, many = (set(subset(_examples(count), None, share)["id"][:]) for share in (small, large))
    assert few and few <= many
    assert len(subset(_examples(count), None, 1.0)) == count


def test_the_sample_does_not_depend_on_the_order_of_rows():
    examples = _examples(50)
    backwards = examples.select(range(49, -1, -1))
    assert set(subset(examples, 10, None)["id"][:]) == set(subset(backwards, 10, None)["id"][:])


def test_the_sample_is_the_same_on_every_machine():
    assert subset(_examples(20), 3, None)["id"][:] == ["train-8", "train-10", "train-12"]


def test_languages_are_sampled_differently():
    assert subset(_examples(50, "en"), 10, None)["id"][:] != subset(_examples(50, "sw"), 10, None)["id"][:]


def test_neither_means_all():
    examples = _examples(3)
    assert subset(examples, None, None) is examples


def test_candidates_are_never_sampled_away():
    examples = Dataset.from_dict(
        {"id": list("abcdefgh"), "language": ["en"] * 8, "side": ["query", "candidate"] * 4, "relevant": [["b"], None] * 4}
    )
    kept = subset(examples, 2, None, candidate=("side", "candidate"))
    assert sorted(kept["side"][:]) == ["candidate"] * 4 + ["query"] * 2
    assert len(subset(examples, None, 0.25, candidate=("side", "candidate"))) == 5


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_below_one(number):
    with pytest.raises(UserError, match=f"max_examples={number}: expected 1 or more"):
        subset(_examples(3), number, None)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_fraction_outside_its_range(share):
    with pytest.raises(UserError, match=rf"fraction={share}: expected a number in \(0, 1\]"):
        subset(_examples(3), None, share)


def test_both_at_once():
    with pytest.raises(UserError, match="max_examples=1 and fraction=0.5 are both set"):
        subset(_examples(3), 1, 0.5)


def test_languages_share_a_sample_by_an_exponent():
    sizes = {"en": 10_000, "sw": 100, "yo": 1}
    columns = {
        "id": [f"{number}" for size in sizes.values() for number in range(size)],
        "language": [language for language, size in sizes.items() for _ in range(size)],
    }
    examples = Dataset.from_dict(columns)

    def counts(size: int, exponent: float) -> dict[str, int]:
        return dict(Counter(subset(examples, size, None, exponent)["language"]))

    assert counts(111, 0.5) == {"en": 100, "sw": 10, "yo": 1}  # their roots
    assert counts(41, 0.0) == {"en": 20, "sw": 20, "yo": 1}
    assert counts(1010, 1.0) == {"en": 1000, "sw": 10}
    assert counts(10_101, 0.0) == sizes
    small, large = (subset(examples, size, None, 0.3) for size in (37, 900))
    assert set(zip(small["language"], small["id"], strict=True)) < set(zip(large["language"], large["id"], strict=True))


def test_an_exponent_alone_is_refused():
    with pytest.raises(UserError, match="language_exponent=0.3 shares out a sample: set max_examples or fraction too"):
        subset(Dataset.from_dict({"id": ["1"], "language": ["en"]}), None, None, 0.3)
