"""Examples that a Python program gives, as pandas or datasets objects, kept as files, so that they are read like any others.

The files lie under `<store>/tasks/<digest>/`, one of JSON lines for each split and language; the digest is a hash of them all.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from xstilts.errors import UserError
from xstilts.paths import given_examples, name_problem
from xstilts.tasks.declaration import SPLITS

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame

    Table: TypeAlias = "DataFrame | Dataset"
    Given: TypeAlias = "Table | Mapping[str, Table]"

EXPECTED = "expected a pandas DataFrame, a datasets.Dataset, or a dict that maps languages to them"
UNUSABLE = set("|&{}")
"""Characters that have a meaning in the path of a source's files."""


def write_given(store: Path, splits: Mapping[str, "Given"], language: str) -> dict[str, dict[str, str]]:
    """Write the examples under `store`; returns split -> language -> absolute path, as in `Source.files`.

    A table without a mapping has the languages of its column `language`, or `language` where there is no such column.
    Examples that are there already are not written again. UserError for another kind of object and for a table without rows.
    """
    store = store.absolute()
    if found := UNUSABLE & set(str(store)):
        raise UserError(f"{store}: a folder with {' '.join(sorted(found))} in its name cannot hold a task: name another store")
    parent = given_examples(store, "")
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=".", dir=parent))
    try:
        written = {split: _write_split(work, split, given, language) for split, given in splits.items()}
        digest = hashlib.sha256()
        for path in sorted(work.iterdir()):
            with path.open("rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        folder = given_examples(store, digest.hexdigest()[:16])
        if not folder.exists():
            work.chmod(0o755)
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {split: {code: str(folder / name) for code, name in names.items()} for split, names in written.items()}


def _write_split(folder: Path, split: str, given: "Given", language: str) -> dict[str, str]:
    """Write the files of one split; language -> file name."""
    files: dict[str, IO[bytes]] = {}
    with contextlib.ExitStack() as opened:
        for code, row in _by_language(split, given, language):
            if code not in files:
                if not isinstance(code, str):
                    raise UserError(f"{split}: language: got {code!r}, expected a code such as 'de'")
                if problem := name_problem(code):
                    raise UserError(f"{split}: language: {problem}")
                files[code] = opened.enter_context((folder / f"{split}-{code}.jsonl").open("wb"))
            line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
            files[code].write(line + b"\n")  # lone surrogates are refused when the file is read, with their line
    return {code: Path(file.name).name for code, file in files.items()}


def _by_language(split: str, given: "Given", language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row, after its language."""
    if not isinstance(given, Mapping):
        yield from ((row.get("language") or language, row) for row in _rows(split, given))
        return
    if not given:
        raise UserError(f"{split}: got an empty dict, {EXPECTED}")
    if parts := [key for key in given if key in SPLITS]:
        raise UserError(
            f"{split}: got a dict of splits ({', '.join(parts)}): pass each split by its name, such as train=D['train']"
        )
    for code, table in given.items():
        yield from ((code, row) for row in _rows(f"{split}, {code}", table))


def _rows(place: str, table: "Table") -> Iterator[dict[str, Any]]:
    """The rows of a table as JSON values; classes of a `ClassLabel` by their names, missing values as None."""
    import pandas
    from datasets import ClassLabel, Dataset

    if isinstance(table, Dataset):
        names = {column: feature.names for column, feature in table.features.items() if isinstance(feature, ClassLabel)}
        rows = iter(table)
    elif isinstance(table, pandas.DataFrame):
        names, rows = {}, (dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False, name=None))
    else:
        raise UserError(f"{place}: got an object of the class {type(table).__name__}, {EXPECTED}")
    if not len(table):
        raise UserError(f"{place}: got a table without rows")
    for row in rows:
        plain = {str(column): json_value(value) for column, value in row.items()}
        for column, classes in names.items():
            number = plain[column]
            plain[column] = None if number is None or number < 0 else classes[number]
        yield plain


def json_value(value: Any) -> Any:
    """A value of a table as one of JSON: NumPy's numbers and arrays as Python's, NaN and pandas' missing values as None."""
    import pandas

    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if value is None or value is pandas.NA or value is pandas.NaT or value != value:
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)
