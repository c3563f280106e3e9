"""Training dynamics on disk, and the regions of the data map that follows from them."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.data.data_maps import data_map, selected, write
from xstilts.errors import UserError
from xstilts.tasks.declaration import DataMap

# Example -> the probability of its label in three epochs.
EPOCHS = {"sure": (0.9, 0.95, 0.98), "torn": (0.1, 0.9, 0.2), "late": (0.3, 0.5, 0.9), "lost": (0.05, 0.02, 0.05)}


def examples(*names: str, language: str = "en") -> Dataset:
    return Dataset.from_dict({"id": list(names), "language": [language] * len(names)})


@pytest.fixture
def dynamics(tmp_path: Path) -> Path:
    path, rows = tmp_path / "dynamics.parquet", examples("none", *EPOCHS)
    write(path, rows, [1, 2, 3, 4], [np.array(epoch) for epoch in zip(*EPOCHS.values(), strict=True)])
    return path


def test_a_row_for_each_example_and_epoch(dynamics: Path):
    table = pq.read_table(dynamics)
    assert table.column_names == ["language", "id", "epoch", "probability"]
    rows = {(row["id"], row["epoch"]): row["probability"] for row in table.to_pylist()}
    assert rows == {(name, number): value for name, values in EPOCHS.items() for number, value in enumerate(values, 1)}
    assert set(table["language"].to_pylist()) == {"en"}


def test_confidence_is_the_mean_and_variability_the_standard_deviation(dynamics: Path):
    found = data_map(dynamics)
    assert found.keys() == {("en", name) for name in EPOCHS}
    for name, values in EPOCHS.items():
        mean = sum(values) / 3
        assert found["en", name] == pytest.approx((mean, (sum((value - mean) ** 2 for value in values) / 3) ** 0.5))


@pytest.mark.parametrize(
    ("region", "expected"), [("easy", ["sure", "late"]), ("ambiguous", ["torn", "late"]), ("hard", ["torn", "lost"])]
)
def test_a_region_is_what_lies_deepest_in_it_in_the_original_order(region: str, expected: list[str], dynamics: Path):
    assert selected(examples(*EPOCHS), dynamics, DataMap(region, 0.5), "label")["id"][:] == expected
    assert selected(examples(*EPOCHS), dynamics, DataMap(region, 1.0), "label")["id"][:] == list(EPOCHS)
    assert len(selected(examples(*EPOCHS), dynamics, DataMap(region, 0.01), "label")) == 1


def test_what_was_not_trained_on_has_no_place_in_the_map(dynamics: Path):
    assert selected(examples("none", *EPOCHS), dynamics, DataMap("easy", 1.0), "label")["id"][:] == list(EPOCHS)
    with pytest.raises(UserError, match="none of 4 training examples is in the data map"):
        selected(examples(*EPOCHS, language="de"), dynamics, DataMap("easy", 1.0), "label")


def test_one_epoch_says_nothing_of_variability(tmp_path: Path):
    write(tmp_path / "one", examples("a", "b"), [0, 1], [np.array([0.1, 0.2])])
    with pytest.raises(UserError, match=r"holds the dynamics of 1 epoch, expected two or more"):
        data_map(tmp_path / "one")


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=20), st.floats(0.05, 1), st.floats(0.05, 1))
def test_regions_are_nested_and_do_not_depend_on_the_order_of_examples(
    tmp_path: Path, values: list[float], small: float, large: float
):
    names = [f"e{number}" for number in range(len(values))]
    rows, small, large = examples(*names), *sorted((small, large))
    write(tmp_path / "many", rows, range(len(names)), [np.array(values), np.array(values) / 2])
    for region in ("easy", "ambiguous", "hard"):
        few, many = (set(selected(rows, tmp_path / "many", DataMap(region, share), "label")["id"][:]) for share in (small, large))
        backwards = rows.select(range(len(names) - 1, -1, -1))
        assert few <= many
        assert few == set(selected(backwards, tmp_path / "many", DataMap(region, small), "label")["id"][:])


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.3, 0.6, 1.0]), st.sampled_from(["yes", "no"]), st.sampled_from(["news", "talk", None])),
        min_size=12,
        max_size=80,
    ),
    st.integers(2, 6),
)
def test_bins_are_equal_in_size_labels_and_genres_and_differ_in_confidence(
    tmp_path: Path, drawn: list[tuple[float, str, str | None]], bins: int
):
    names = [f"e{number}" for number in range(len(drawn))]
    values, labels, genres = (list(column) for column in zip(*drawn, strict=True))
    rows = examples(*names).add_column("label", labels).add_column("genre", genres)
    write(tmp_path / "bins", rows, range(len(names)), [np.array(values), np.array(values)])
    sizes = Counter(zip(labels, genres, strict=True))
    if max(sizes.values()) < bins:
        with pytest.raises(UserError, match=f"data_map.bins={bins} are more bins than each label has examples"):
            selected(rows, tmp_path / "bins", DataMap(bin=1, bins=bins), "label")
        return
    parts = [selected(rows, tmp_path / "bins", DataMap(bin=number, bins=bins), "label") for number in range(1, bins + 1)]
    for part in parts:
        assert part["id"][:] == [name for name in names if name in set(part["id"])], "in the original order"
        counts = Counter(zip(part["label"], part["genre"], strict=True))
        assert counts == {stratum: size // bins for stratum, size in sizes.items() if size >= bins}
    assert sum(map(len, parts)) == len({name for part in parts for name in part["id"]}), "no example is in two bins"
    confidence = dict(zip(names, values, strict=True))
    for easier, harder in pairwise(parts):
        for stratum in sizes:
            least, most = (
                [confidence[row["id"]] for row in part if (row["label"], row["genre"]) == stratum] for part in (easier, harder)
            )
            assert not least or min(least) >= max(most)
    backwards = rows.select(range(len(names) - 1, -1, -1))
    again = selected(backwards, tmp_path / "bins", DataMap(bin=2, bins=bins), "label")
    assert set(again["id"]) == set(parts[1]["id"])
