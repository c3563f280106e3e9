"""Rows read from the Arrow buffers are those that `datasets` gives."""

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, Features, List, Value, concatenate_datasets

from xstilts.data.feature_rows import FeatureRows, first_equal

FEATURES = Features(
    {
        "example": Value("int32"),
        "ids": List(Value("int32")),
        "real": List(Value("bool")),
        "choices": List(List(Value("int32"))),
    }
)


def dataset(rows):
    columns = {name: [row[place] for row in rows] for place, name in enumerate(FEATURES)}
    return Dataset.from_dict(columns, features=FEATURES)


def drawn(seed, count):
    random = np.random.default_rng(seed)
    lists = [random.integers(99, size=size).tolist() for size in random.integers(5, size=4 * count)]
    return [(row, lists[row], [size > 40 for size in lists[-row]], lists[row : row + row % 4]) for row in range(count)]


def plain(value):
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("counts", [(0, 0), (0, 3), (7, 0), (5, 9)])
def test_rows_are_those_of_the_dataset(counts):
    whole = concatenate_datasets([dataset(drawn(number, count)) for number, count in enumerate(counts)])
    for features in (whole, whole.select(range(min(2, len(whole)), len(whole))), whole.select(range(len(whole))[::-2])):
        rows = FeatureRows(features)
        assert len(rows) == len(features)
        assert [{name: plain(value) for name, value in row.items()} for row in rows] == list(features)


def test_only_the_columns_asked_for_and_lists_as_arrays():
    row = FeatureRows(dataset([(7, [1, 2], [True], [[3], [4, 5]])]), ["ids", "example", "choices"])[0]
    assert list(row) == ["ids", "example", "choices"] and row["example"] == 7 and type(row["example"]) is int
    assert row["ids"].dtype == np.int32 and [part.tolist() for part in row["choices"]] == [[3], [4, 5]]


def test_a_sliced_table():
    table = dataset([(number, [number] * number, [], [[number]]) for number in range(6)]).data.table
    rows = FeatureRows(Dataset(pa.concat_tables([table.slice(2, 2), table.slice(5)])))
    assert [plain(row["ids"]) for row in rows] == [[2, 2], [3, 3, 3], [5] * 5]
    assert [plain(row["choices"]) for row in rows] == [[[2]], [[3]], [[5]]]


@pytest.mark.parametrize("row", [-1, 1])
def test_no_such_row(row):
    with pytest.raises(IndexError, match=f"row {row} of 1"):
        FeatureRows(dataset([(1, [], [], [])]))[row]


@pytest.mark.parametrize("names", [["example"], ["ids"], ["choices"], ["real", "ids"], ["ids", "choices", "example"]])
def test_the_first_of_equal_rows(names):
    whole = concatenate_datasets([dataset(drawn(number, count)) for number, count in ((1, 40), (2, 0), (1, 30), (3, 25))])
    for features in (whole, whole.select(range(3, 90)), whole.select(range(90)[::-2]), whole.select([])):
        seen = {}
        expected = [seen.setdefault(repr([row[name] for name in names]), number) for number, row in enumerate(features)]
        assert first_equal(features, names).tolist() == expected


def test_lists_of_other_parts_are_not_equal():
    rows = dataset([(0, [], [], choices) for choices in ([[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]], [[1, 2], [3]])])
    assert first_equal(rows, ["choices"]).tolist() == [0, 1, 2, 0]
