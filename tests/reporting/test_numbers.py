import pytest

from xstilts.reporting.numbers import ABSENT, MINUS, UNKNOWN, fixed, interval, is_number, probability, signed, with_minus

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "digits", "with_sign", "text"),
    [
        (1.25, 1, True, "+1.3"),
        (-1.25, 1, True, "-1.3"),
        (-0.04, 1, True, "0.0"),
        (0.0, 2, True, "0.00"),
        (52.0, 2, False, "52.00"),
        (-0.06, 1, False, "-0.1"),
    ],
)
def test_ties_are_rounded_away_from_zero_and_zero_has_no_sign(value: float, digits: int, with_sign: bool, text: str) -> None:
    assert fixed(value, digits, with_sign) == text
    assert fixed(value, digits, with_sign, minus=MINUS) == text.replace("-", MINUS)


def test_unknown_numbers() -> None:
    assert fixed(NAN) == signed(NAN) == probability(NAN) == ABSENT and fixed(NAN, unknown=UNKNOWN) == UNKNOWN
    assert interval(NAN, NAN) == "" and interval(-0.31, 2.68) == "[-0.3, 2.7]"


def test_p_values_have_three_digits() -> None:
    assert [probability(p) for p in (0.0, 0.0009, 0.0625)] == ["< 0.001", "< 0.001", "0.063"]


def test_hyphens_of_numbers_become_minus_signs_and_others_stay() -> None:
    assert with_minus("-3.2 [-5.0, 1.2] x-1 b - a 2-3") == "−3.2 [−5.0, 1.2] x-1 b - a 2-3"


def test_numbers_are_told_from_text() -> None:
    assert all(map(is_number, ("", "-", "3", "-1.5", "**+2.0** [1.0, 3.0]", "1 of 3 [1, 91] %")))
    assert not any(map(is_number, ("xnli", "--x", "21 languages of tatoeba")))
