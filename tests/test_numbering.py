import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.numbering import counted, natural

NAMES = st.text(string.ascii_letters + "_+-. ")


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("cell",), "0 cells"),
        (1, ("cell",), "1 cell"),
        (1.0, ("seed",), "1 seed"),
        (2, ("cell",), "2 cells"),
        (1200, ("batch", "batches"), "1,200 batches"),
    ],
)
def test_a_number_with_its_noun(number: float, words: tuple[str, ...], text: str):
    assert counted(number, *words) == text


@given(st.lists(st.text(), unique=True))
def test_the_natural_order_is_one_order_of_all_texts(texts: list[str]):
    backwards = texts[::-1]
    assert sorted(texts, key=natural) == sorted(backwards, key=natural)


@given(NAMES, st.lists(st.integers(0, 10**6), unique=True), st.sampled_from(["", "_large", " seed"]))
def test_names_are_ordered_by_the_numbers_in_them(name: str, numbers: list[int], end: str):
    assert sorted((f"{name}x{number}{end}" for number in numbers), key=natural) == [
        f"{name}x{number}{end}" for number in sorted(numbers)
    ]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True), st.sampled_from(["", " b=1"]))
def test_options_are_ordered_by_their_values(values: list[float], end: str):
    assert sorted((f"a={value}{end}" for value in values), key=natural) == [f"a={value}{end}" for value in sorted(values)]


@given(st.lists(NAMES, unique=True))
def test_texts_without_numbers_keep_their_order(texts: list[str]):
    assert sorted(texts, key=natural) == sorted(texts)


def test_some_orders_of_reports():
    names = ["task1", "task10", "task2", "mnli n=1000", "mnli n=250", "a_v1.1", "a_v1"]
    assert sorted(names, key=natural) == ["a_v1", "a_v1.1", "mnli n=250", "mnli n=1000", "task1", "task2", "task10"]
