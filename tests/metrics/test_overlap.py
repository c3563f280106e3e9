import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.metrics._overlap import exact_match_and_f1, token_f1

bags = st.lists(st.sampled_from("abc"), max_size=5)


@settings(deadline=None)
@given(bags, bags)
def test_f1_is_twice_the_shared_tokens_over_all_tokens(answer: list[str], given_tokens: list[str]) -> None:
    shared = sum(min(answer.count(token), given_tokens.count(token)) for token in "abc")
    expected = 2 * shared / max(1, len(answer) + len(given_tokens))
    assert token_f1(answer, given_tokens) == pytest.approx(expected)


def test_values_may_come_from_different_answers() -> None:
    values = exact_match_and_f1([["A B", "c"], ["x y"]], ["a b", "x"], str.lower)
    assert values == {"exact_match": 50.0, "f1": pytest.approx(100 * (1 + 2 / 3) / 2)}
