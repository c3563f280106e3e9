"""Results and predictions of a cell: the files that reports, submissions and notebooks read, and nothing else.

A result is one JSON object:

    schema       1
    cell         what was chosen: {"study", "intermediate": [names], "target", "seed", "model", ...}
    fingerprint  of the cell
    artifacts    the lineage, phase by phase: [{"kind", "fingerprint", "metadata"...}, ...]
    rows         one object per task x language x split x metric (`Row`; "layer", "pooling", "threshold" only for retrieval)
    degenerate   texts that name results not to be trusted, e.g. one class predicted for all examples of a language
    versions     of xstilts and the libraries
    config       the resolved config of the cell

Predictions are a Parquet table with one row per evaluated example: task, language, split, id, prediction, gold; the last
two as JSON text, gold null where the split has no gold.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.paths import cell_name
from xstilts.store.files import read_json_object, whole_file, write_json

SCHEMA = 1
KEYS = ("schema", "cell", "fingerprint", "artifacts", "rows", "degenerate", "versions", "config")
COLUMNS = ("task", "language", "split", "id", "prediction", "gold")


@dataclass(frozen=True)
class Row:
    """One score."""

    task: str
    language: str
    split: str
    metric: str
    value: float | None
    """In the metric's own unit, at full precision; None: the split has no gold."""
    examples: int
    """How many examples the score is over."""
    layer: int | None = None
    """Of a retrieval score: the layer whose hidden states were pooled; 0 is the embeddings."""
    pooling: str | None = None
    threshold: float | None = None
    """Of bitext mining: the margin score from which on pairs count."""

    def as_dict(self) -> dict[str, Any]:
        """As in the result file: without `layer`, `pooling` and `threshold` where there are none."""
        return {
            key: value for key, value in vars(self).items() if value is not None or key not in ("layer", "pooling", "threshold")
        }


def name_of(result: Mapping[str, Any]) -> str:
    """The name of a cell's files."""
    cell = result["cell"]
    chosen = [] if cell["intermediate"] == ["none"] else cell["intermediate"]
    return cell_name(chosen, cell["target"], cell["seed"], result["fingerprint"])


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a cell's result whole or not at all.

    ValueError for a missing key, a repeated row, or a NaN; TypeError for a row that is no `Row`.
    """
    if not set(KEYS) <= set(result) or result["schema"] != SCHEMA:
        raise ValueError(f"a result of schema {SCHEMA} has the keys {', '.join(KEYS)}; got {', '.join(result)}")
    seen = set()
    for row in result["rows"]:
        Row(**row)
        identity = tuple(row.get(key) for key in ("task", "language", "split", "metric", "layer", "pooling"))
        if identity in seen:
            raise ValueError(f"two rows for {identity} in {path}")
        seen.add(identity)
    write_json(path, result)


def read_result(path: Path) -> dict[str, Any]:
    """A cell's result. UserError for a missing or broken file, or one of another schema."""
    remedy = "delete the file and run its cell again"
    result = read_json_object(path, "result of a cell", remedy)
    if result.get("schema") != SCHEMA:
        raise UserError(f"{path} has schema {result.get('schema')!r}, expected {SCHEMA}: update xstilts, or {remedy}")
    if missing := [key for key in KEYS if key not in result]:
        raise UserError(f"{path} is no result of a cell: {', '.join(missing)} missing; {remedy}")
    return result


def read_results(folder: Path) -> list[dict[str, Any]]:
    """All results in a folder, in the order of their file names. UserError if the folder is missing or a file is broken."""
    if not folder.is_dir():
        raise UserError(f"no folder of results at {folder}: expected the output folder of a study, which xstilts train makes")
    return [read_result(path) for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]


def write_predictions(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a cell's predictions whole or not at all.

    `rows` have the keys of COLUMNS; `prediction` and `gold` are any JSON values, a gold of None being no gold. ValueError
    if an example (language, split, id) occurs twice, a key is missing or unknown, or an id is no text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[str | None]] = {name: [] for name in COLUMNS}
    seen = set()
    for row in rows:
        if set(row) != set(COLUMNS):
            raise ValueError(f"a prediction has the keys {', '.join(COLUMNS)}; got {', '.join(row)}")
        example = (row["language"], row["split"], row["id"])
        if not all(isinstance(part, str) for part in (row["task"], *example)):
            raise ValueError(f"task, language, split and id of a prediction must be texts; got {row['task']!r} and {example}")
        if example in seen:
            raise ValueError(f"two predictions for id '{row['id']}' of language '{row['language']}', split '{row['split']}'")
        seen.add(example)
        for name in COLUMNS[:4]:
            columns[name].append(row[name])
        columns["prediction"].append(_encode(row["prediction"]))
        columns["gold"].append(None if row["gold"] is None else _encode(row["gold"]))
    table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in COLUMNS]))
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: Path) -> list[dict[str, Any]]:
    """The rows that `write_predictions` was given, in their order. UserError for a missing or broken file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    remedy = "delete it with the result of its cell and run the cell again"
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"no predictions at {path}: run the cell again with store.refresh=results") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is no Parquet file of predictions ({str(error).splitlines()[0]}): {remedy}") from None
    if tuple(table.column_names) != COLUMNS:
        raise UserError(f"{path} has the columns {', '.join(table.column_names)}, expected {', '.join(COLUMNS)}: {remedy}")
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row["prediction"] = json.loads(row["prediction"])
        row["gold"] = None if row["gold"] is None else json.loads(row["gold"])
    return rows


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
