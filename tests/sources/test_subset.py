"""Nested, deterministic samples."""

from collections import Counter
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources import arrow_file, draws
from xstilts.sources.subset import order_key, pool_size, sample_size, subset
from xstilts.tasks.declaration import Task, TrainingTask


def draw(examples: Dataset, format: str = "mlm", **used: Any) -> Dataset:
    return subset(examples, Task(name="t", format=format), TrainingTask(languages=sorted(set(examples["language"])), **used))


def _examples(count: int, language: str = "en") -> Dataset:
    return Dataset.from_dict({"id": [f"train-{i}" for i in range(count)], "language": [language] * count})


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 70))
def test_a_smaller_number_is_inside_a_larger_one(count, small, large):
    small, large = sorted((small, large))
    examples = _examples(count)
    few, many = draw(examples, max_examples=small)["id"][:], draw(examples, max_examples=large)["id"][:]
    assert len(few) == min(small, count)
    assert set(few) <= set(many)
    assert many == [name for name in examples["id"][:] if name in set(many)]  # original order


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_smaller_fraction_is_inside_a_larger_one(count, small, large):
    small, large = sorted((small, large))
    few, many = (set(draw(_examples(count), fraction=share)["id"][:]) for share in (small, large))
    assert few and few <= many
    assert len(draw(_examples(count), fraction=1.0)) == count


def test_the_sample_does_not_depend_on_the_order_of_rows():
    examples = _examples(50)
    backwards = examples.select(range(49, -1, -1))
    assert set(draw(examples, max_examples=10)["id"][:]) == set(draw(backwards, max_examples=10)["id"][:])


def test_the_sample_is_the_same_on_every_machine():
    assert draw(_examples(20), max_examples=3)["id"][:] == ["train-8", "train-10", "train-12"]


def test_languages_are_sampled_differently():
    assert draw(_examples(50, "en"), max_examples=10)["id"][:] != draw(_examples(50, "sw"), max_examples=10)["id"][:]


def test_neither_means_all():
    examples = _examples(3)
    assert draw(examples) is examples


def test_candidates_are_never_sampled_away():
    examples = Dataset.from_dict(
        {"id": list("abcdefgh"), "language": ["en"] * 8, "side": ["query", "candidate"] * 4, "relevant": [["b"], None] * 4}
    )
    kept = draw(examples, "retrieval", max_examples=2)
    assert sorted(kept["side"][:]) == ["candidate"] * 4 + ["query"] * 2
    assert len(draw(examples, "retrieval", fraction=0.25)) == 5


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_below_one(number):
    with pytest.raises(UserError, match=f"task t.max_examples: got {number}, expected 1 or more"):
        draw(_examples(3), max_examples=number)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_fraction_outside_its_range(share):
    with pytest.raises(UserError, match=f"task t.fraction: got {share}, expected "):
        draw(_examples(3), fraction=share)


def test_both_at_once():
    with pytest.raises(UserError, match="task t: got both max_examples and fraction, expected one of them"):
        draw(_examples(3), max_examples=1, fraction=0.5)


@pytest.mark.slow
def test_languages_share_a_sample_by_an_exponent():
    sizes = {"en": 10_000, "sw": 100, "yo": 1}
    columns = {
        "id": [f"{number}" for size in sizes.values() for number in range(size)],
        "language": [language for language, size in sizes.items() for _ in range(size)],
    }
    examples = Dataset.from_dict(columns)

    def counts(size: int, exponent: float) -> dict[str, int]:
        return dict(Counter(draw(examples, max_examples=size, language_exponent=exponent)["language"]))

    assert counts(111, 0.5) == {"en": 100, "sw": 10, "yo": 1}  # their roots
    assert counts(41, 0.0) == {"en": 20, "sw": 20, "yo": 1}
    assert counts(1010, 1.0) == {"en": 1000, "sw": 10}
    assert counts(10_101, 0.0) == sizes
    small, large = (draw(examples, max_examples=size, language_exponent=0.3) for size in (37, 900))
    assert set(zip(small["language"], small["id"], strict=True)) < set(zip(large["language"], large["id"], strict=True))


def test_an_exponent_alone_is_refused():
    with pytest.raises(UserError, match=r"task t.language_exponent shares out a sample: set task t.max_examples or"):
        draw(_examples(1), language_exponent=0.3)


def test_draws_are_different_samples_and_each_is_nested():
    examples = _examples(200)
    first, second = (set(draw(examples, max_examples=50, draw=number)["id"][:]) for number in (1, 2))
    assert len(first) == len(second) == 50 and len(first & second) < 30
    assert set(draw(examples, max_examples=20, draw=1)["id"][:]) < first
    assert draw(examples, max_examples=50, draw=0)["id"][:] == draw(examples, max_examples=50)["id"][:]


def _translations(codes: list[str], count: int) -> Dataset:
    """Examples of all languages with the ids 0 to `count` - 1, language after language."""
    columns = {
        "id": [f"{number}" for _ in codes for number in range(count)],
        "language": [c for c in codes for _ in range(count)],
    }
    return Dataset.from_dict(columns)


def _ids(examples: Dataset) -> dict[str, set[str]]:
    """Language -> ids."""
    found: dict[str, set[str]] = {}
    for language, name in zip(examples["language"], examples["id"], strict=True):
        found.setdefault(language, set()).add(name)
    return found


CODES = st.lists(st.sampled_from(["en", "de", "sw", "zh", "tr"]), min_size=2, max_size=5, unique=True)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(CODES, st.integers(1, 40), st.integers(5, 60), st.integers(5, 60), st.integers(0, 3))
def test_the_same_ids_in_every_language(codes: list[str], count: int, small: int, large: int, number: int):
    small, large = sorted((small, large))
    examples = _translations(codes, count)
    few, many = (_ids(draw(examples, parallel="same", max_examples=size, draw=number)) for size in (small, large))
    for found, size in ((few, small), (many, large)):
        assert found.keys() == set(codes)
        assert len({frozenset(ids) for ids in found.values()}) == 1
        assert len(found[codes[0]]) == min(count, size // len(codes))
    assert few[codes[0]] <= many[codes[0]]
    other = _ids(draw(_translations(codes[:2], count), parallel="same", max_examples=2 * len(few[codes[0]]), draw=number))
    assert other[codes[0]] == few[codes[0]], "which ids does not depend on the languages"


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(CODES, st.integers(1, 40), st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_each_id_in_one_language(codes: list[str], count: int, small: int, large: int, number: int):
    small, large = sorted((small, large))
    examples = _translations(codes, count)
    few, many = (_ids(draw(examples, parallel="rotate", max_examples=size, draw=number)) for size in (small, large))
    for found, size in ((few, small), (many, large)):
        sizes = [len(found.get(code, ())) for code in codes]
        assert sum(sizes) == len(set().union(*found.values())) == min(count, size), "no id is there twice"
        assert max(sizes) - min(sizes) <= 1, "even shares"
    assert all(few[code] <= many[code] for code in few)
    alone = _ids(draw(_examples_of(examples, codes[0]), parallel="rotate", max_examples=small, draw=number))
    assert alone[codes[0]] == set().union(*few.values()), "one language alone has the ids of the mixture"
    backwards = examples.select([row for code in codes for row in reversed(_rows(examples, code))])
    assert _ids(draw(backwards, parallel="rotate", max_examples=small, draw=number)) == few


def _rows(examples: Dataset, code: str) -> list[int]:
    return [row for row, language in enumerate(examples["language"]) if language == code]


def _examples_of(examples: Dataset, code: str) -> Dataset:
    return examples.select(_rows(examples, code))


def test_another_draw_is_other_ids_in_other_languages():
    examples = _translations(["en", "de"], 100)
    for mode in ("same", "rotate"):
        first, second = (_ids(draw(examples, parallel=mode, max_examples=40, draw=number)) for number in (0, 1))
        assert first["en"] != second["en"] and first["de"] != second["de"]
    whole = draw(examples, parallel="rotate")
    assert len(whole) == 100 and len(draw(examples, parallel="rotate", fraction=0.3)) == 30
    assert draw(examples, parallel="same") is examples and len(draw(examples, parallel="same", fraction=0.3)) == 60


def test_ids_that_a_language_lacks():
    examples = _translations(["en", "de", "sw"], 30)
    lacking = examples.select([row for row in range(90) if not (30 <= row < 40)])  # the first ten in German
    same = _ids(draw(lacking, parallel="same"))
    assert same["en"] == same["de"] == same["sw"] == {f"{number}" for number in range(10, 30)}
    rotated = _ids(draw(lacking, parallel="rotate"))
    assert sorted(map(len, rotated.values())) == [10, 10, 10] and set().union(*rotated.values()) == same["en"] | {
        f"{number}" for number in range(10)
    }


@pytest.mark.parametrize("mode", ["same", "rotate"])
def test_ids_that_name_no_translations_are_refused(mode: str):
    columns = {"id": [f"{code}{number}" for code in ("en", "de") for number in range(5)], "language": ["en"] * 5 + ["de"] * 5}
    with pytest.raises(
        UserError, match="task t has no id that all languages have; parallel is for translations with the same id"
    ):
        draw(Dataset.from_dict(columns), parallel=mode)
    numbered = _translations(["en", "de"], 50).add_column("label", ["yes", "no"] * 25 + ["yes"] * 50)
    with pytest.raises(
        UserError, match="task t: 25 of 50 ids have several labels; parallel is for translations with the same id"
    ):
        draw(numbered, "classification", parallel=mode)


@pytest.mark.slow
@given(CODES, st.integers(1, 40), st.integers(5, 60), st.sampled_from([None, "same", "rotate"]))
def test_the_size_is_known_before_the_data_is_read(codes: list[str], count: int, size: int, mode: str | None):
    for chosen in ({"max_examples": size}, {"fraction": size / 60}, {}):
        used = TrainingTask(languages=codes, parallel=mode, **chosen)  # type: ignore[arg-type]
        drawn = draw(_translations(codes, count), parallel=mode, **chosen)
        assert len(drawn) == sample_size(pool_size([count] * len(codes), used), used)


@pytest.mark.parametrize(
    "used",
    [
        {"max_examples": 11},
        {"fraction": 0.4, "draw": 2},
        {"max_examples": 17, "language_exponent": 0.3},
        {"parallel": "same", "max_examples": 12},
        {"parallel": "rotate", "max_examples": 20},
    ],
)
def test_a_sample_of_a_mapped_file_is_that_of_the_examples_in_memory(used, tmp_path, monkeypatch):
    monkeypatch.setattr(draws, "ROWS", 7)
    examples = _translations(["en", "de", "sw"], 30)
    arrow_file.write(examples, tmp_path / "rows.arrow")
    assert draw(arrow_file.mapped(tmp_path / "rows.arrow"), **used).to_list() == draw(examples, **used).to_list()


def test_the_order_is_that_of_the_whole_keys():
    names = [(language, f"train-{number}") for language in ("en", "de") for number in range(500)]
    expected = sorted(range(len(names)), key=lambda place: order_key(*names[place], 3))
    assert draws.drawn(names, 3).tolist() == expected
