"""Tables of pandas and datasets as files: values, languages, classes, and the messages for what is no table of examples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from xstilts.errors import UserError
from xstilts.sources.given import write_given

ROWS = [{"text_a": "gut", "label": "yes"}, {"text_a": "schlecht", "label": None}]


def read(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("table", [pd.DataFrame(ROWS), Dataset.from_list(ROWS)], ids=["pandas", "datasets"])
def test_rows_are_written_as_they_are(tmp_path: Path, table: Any):
    files = write_given(tmp_path, {"train": table}, "de")
    assert read(files["train"]["de"]) == ROWS
    assert Path(files["train"]["de"]).parent.parent == tmp_path / "tasks"


def test_the_same_rows_have_one_folder_and_others_another(tmp_path: Path):
    first = write_given(tmp_path, {"train": pd.DataFrame(ROWS)}, "de")
    before = Path(first["train"]["de"]).stat().st_mtime_ns
    assert write_given(tmp_path, {"train": Dataset.from_list(ROWS)}, "de") == first
    assert Path(first["train"]["de"]).stat().st_mtime_ns == before
    others = [write_given(tmp_path, {split: pd.DataFrame(ROWS)}, code) for split, code in (("test", "de"), ("train", "sw"))]
    folders = {Path(path).parent for files in [first, *others] for codes in files.values() for path in codes.values()}
    assert len(folders) == 3 and {*(tmp_path / "tasks").iterdir()} == folders, "nothing unfinished is left"


def test_languages_come_from_a_dict_a_column_or_the_default(tmp_path: Path):
    by_column = pd.DataFrame([{"language": "de", "text": "a"}, {"language": "sw", "text": "b"}, {"language": None, "text": "c"}])
    files = write_given(tmp_path, {"train": by_column, "test": {"th": pd.DataFrame({"text": ["d"]})}}, "en")
    assert {split: [*codes] for split, codes in files.items()} == {"train": ["de", "sw", "en"], "test": ["th"]}
    assert [row["text"] for code in ("de", "sw", "en") for row in read(files["train"][code])] == ["a", "b", "c"]


def test_classes_are_written_by_their_names(tmp_path: Path):
    features = Features({"label": ClassLabel(names=["no", "yes"])})
    table = Dataset.from_dict({"label": [1, 0, None, -1]}, features=features)
    assert [row["label"] for row in read(write_given(tmp_path, {"train": table}, "en")["train"]["en"])] == [
        "yes",
        "no",
        None,
        None,
    ]


def test_values_of_numpy_and_pandas_become_those_of_json(tmp_path: Path):
    row = {"i": np.int64(3), "f": np.float32(0.5), "a": np.array([[1, 2], [3, 4]]), "n": np.nan, "m": pd.NA, "t": pd.NaT}
    row |= {"l": [np.int8(1), None], "d": {"x": np.str_("y"), "z": (1, 2)}, "b": np.bool_(True)}
    files = write_given(tmp_path, {"train": pd.DataFrame([row], dtype=object)}, "en")
    wanted = {"i": 3, "f": 0.5, "a": [[1, 2], [3, 4]], "n": None, "m": None, "t": None}
    assert read(files["train"]["en"]) == [wanted | {"l": [1, None], "d": {"x": "y", "z": [1, 2]}, "b": True}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "train: got an object of the class int, expected a pandas DataFrame"),
        ({"de": [1]}, "train, de: got an object of the class list"),
        ({}, "train: got an empty dict"),
        (pd.DataFrame({"text": []}), "train: got a table without rows"),
        (Dataset.from_dict({"text": []}, features=Features({"text": Value("string")})), "train: got a table without rows"),
        ({"a/b": pd.DataFrame(ROWS)}, "train: language: got 'a/b', expected a name without"),
    ],
)
def test_other_objects_are_refused(tmp_path: Path, given: Any, message: str):
    with pytest.raises(UserError, match=message):
        write_given(tmp_path, {"train": given}, "en")
    assert not [*(tmp_path / "tasks").iterdir()]


def test_a_store_whose_name_has_signs_of_paths_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"a folder with & \{ in its name cannot hold a task"):
        write_given(tmp_path / "a&{b", {"train": pd.DataFrame(ROWS)}, "en")
