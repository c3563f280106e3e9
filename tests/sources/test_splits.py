"""Split expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources import parse_split
from xstilts.sources.splits import bounds
from xstilts.tasks.declaration import SPLITS


def test_examples():
    assert parse_split("train") == ("train", 0, 100)
    assert parse_split("validation:90%") == ("validation", 0, 90)
    assert parse_split("train:-10%") == ("train", 90, 100)
    assert parse_split("test:100%") == ("test", 0, 100)


@given(st.sampled_from(SPLITS), st.integers(1, 99), st.integers(0, 5000))
def test_a_part_and_its_complement_share_nothing_and_miss_nothing(split, percent, count):
    name, first, cut = parse_split(f"{split}:{percent}%")
    other, start, last = parse_split(f"{split}:-{100 - percent}%")
    assert name == other == split
    assert (first, last) == (0, 100)
    assert cut == start == percent
    assert bounds(count, first, cut)[0] == 0
    assert bounds(count, first, cut)[1] == bounds(count, start, last)[0]
    assert bounds(count, start, last)[1] == count


@pytest.mark.parametrize("part", ["", "0%", "101%", "-0%", "10", "+10%", "1.5%", "10%%", "90%:5%", " 10%", "١٠%"])
def test_a_malformed_part_is_named(part):
    with pytest.raises(UserError, match="expected a part from 1% to 100%") as raised:
        parse_split(f"train:{part}")
    assert f"got '{part}'" in str(raised.value)


@pytest.mark.parametrize(("got", "meant"), [("valid", "validation"), ("training", "train"), ("validaton:90%", "validation")])
def test_an_unknown_split_gets_a_suggestion(got, meant):
    with pytest.raises(UserError, match=f"unknown split '{got.partition(':')[0]}': did you mean {meant}"):
        parse_split(got)
