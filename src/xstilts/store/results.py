"""Read and write results and predictions of a cell: the only files that reports, submissions and notebooks read.

A result is one JSON object; `result_shape` has the types:

    schema       1
    cell         the choices: {"study", "intermediate": [names], "target", "seed", "model", ...}
    fingerprint  of the cell
    artifacts    the lineage, phase by phase: [{"kind", "fingerprint", "label"}, ...]
    rows         one object per task x language x split x metric (`Score`; "layer", "pooling", "threshold" only for retrieval)
    degenerate   messages about results not to be trusted, e.g. the same class predicted for all examples of a language
    versions     of xstilts and the libraries
    config       the resolved config of the cell

Predictions are a Parquet table with one row per evaluated example: task, language, split, id, cluster, prediction, gold,
confidence; the last three as JSON text, gold null where the split has no gold. Examples with one cluster are not independent of
each other: see `xstilts.training.clusters`. The confidence is null where it is not known, and files of an older version lack the
column. Its form depends on the prediction, with three digits after the point:

    a label                {label: probability, ...} of the ten most probable labels
    number of a choice     [probability of each choice]
    an answer              {"answer": probability of the best one, "none": of no answer}; "none" where some example has none
    tags                   [probability of each word's tag]
    candidates, the best   [cosine, or margin, of the best three]
    first

A file is checked completely when it is read. A missing key, a value of the wrong type, a number that is not finite or a file of
another cell raises a one-line error that names the file and says what to do.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.numbering import natural
from xstilts.paths import CellPaths, cell_name
from xstilts.store.files import atomic_write, read_json_object, write_json
from xstilts.store.result_shape import KEYS, SCHEMA, problems
from xstilts.store.shapes import summary

COLUMNS = ("task", "language", "split", "id", "cluster", "prediction", "gold")
CONFIDENCE = "confidence"
_TEXTS = COLUMNS[:5]
REMEDY = "delete the file and run its cell again"


@dataclass(frozen=True)
class Score:
    """The score of one task, language, split and metric."""

    task: str
    language: str
    split: str
    metric: str
    value: float | None
    """In the metric's unit, at full precision; None if the split has no gold."""
    examples: int
    """Number of examples that the score is computed from."""
    layer: int | None = None
    """For retrieval: the layer whose hidden states were pooled; 0 is the embeddings."""
    pooling: str | None = None
    threshold: float | None = None
    """For bitext mining: the smallest margin score at which a pair is accepted."""

    def as_dict(self) -> dict[str, Any]:
        """Return the score as in the result file: `layer`, `pooling` and `threshold` are left out if they are None."""
        return {
            key: value for key, value in vars(self).items() if value is not None or key not in ("layer", "pooling", "threshold")
        }


def name_of(result: Mapping[str, Any]) -> str:
    """Return the name of a cell's files."""
    cell = result["cell"]
    chosen = [] if cell["intermediate"] == ["none"] else cell["intermediate"]
    return cell_name(chosen, cell["target"], cell["seed"], result["fingerprint"])


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a cell's result atomically.

    Raises UserError for a score that is not finite, as from a diverged model, and ValueError for anything else that `read_result`
    would refuse.
    """
    for row in result.get("rows", ()):
        value = row.get("value")
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(
                f"{row.get('metric')} of {row.get('task')} in '{row.get('language')}' ({row.get('split')}) is {value}: the model "
                "has diverged; train it again, for instance with a lower learning rate"
            )
    if wrong := list(problems(result)):
        raise ValueError(f"{path} would be no result of a cell: {summary(wrong)}")
    write_json(path, result)


def read_result(path: Path) -> dict[str, Any]:
    """Return a cell's result. Raises UserError for a missing or broken file and for another schema version."""
    result = read_json_object(path, "result of a cell", REMEDY)
    if result.get("schema") != SCHEMA:
        raise UserError(f"{path} has schema {result.get('schema')!r}, expected {SCHEMA}: update xstilts, or {REMEDY}")
    if missing := [key for key in KEYS if key not in result]:
        raise UserError(f"{path} is no result of a cell: {', '.join(missing)} missing; {REMEDY}")
    if wrong := list(problems(result)):
        raise UserError(f"{path} is no result of a cell: {summary(wrong)}; {REMEDY}")
    return result


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Return all results in a folder, in the order of their file names.

    Raises UserError if the folder is missing, with a line for each file that is broken or not named after its cell.
    """
    try:
        there = folder.is_dir()
    except OSError as error:  # no permission, a name that is too long
        raise UserError(f"{folder} cannot be read: {error.strerror or error}") from None
    if not there:
        raise UserError(f"no folder of results at {folder}: expected the output folder of a study, which xstilts train makes")
    results, broken = [], []
    for path in sorted(folder.glob("*.json"), key=lambda path: natural(path.name)):
        if path.name.startswith("."):
            continue
        try:
            result = read_result(path)
            if path.stem != (name := name_of(result)):
                raise UserError(f"{path} is the result of another cell, {name}: rename it to {name}.json, or delete it")
            results.append(result)
        except UserError as error:
            broken.append(" ".join(str(error).splitlines()))
    if broken:
        raise UserError("\n".join(broken))
    return results


def write_predictions(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a cell's predictions atomically as Parquet.

    `rows` have the keys of COLUMNS and may have `confidence`; `prediction`, `gold` and `confidence` are any JSON values. None
    means that there is no gold, or that the confidence is not known.
    Raises ValueError if an example (language, split, id) occurs twice, a key is missing or unknown, or an id is no text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[str | None]] = {name: [] for name in (*COLUMNS, CONFIDENCE)}
    seen = set()
    for row in rows:
        if set(row) - {CONFIDENCE} != set(COLUMNS):
            raise ValueError(f"a prediction has the keys {', '.join(columns)}; got {', '.join(row)}")
        example = (row["language"], row["split"], row["id"])
        if not all(isinstance(row[name], str) for name in _TEXTS):
            raise ValueError(f"{', '.join(_TEXTS)} of a prediction must be texts; got {[row[name] for name in _TEXTS]}")
        if example in seen:
            raise ValueError(f"two predictions for id '{row['id']}' of language '{row['language']}', split '{row['split']}'")
        seen.add(example)
        for name in _TEXTS:
            columns[name].append(row[name])
        columns["prediction"].append(_encode(row["prediction"]))
        for name in ("gold", CONFIDENCE):
            columns[name].append(None if row.get(name) is None else _encode(row[name]))
    table = pa.table(columns, schema=pa.schema([(name, pa.string()) for name in columns]))
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: Path, confidence: bool = False) -> list[dict[str, Any]]:
    """Return the rows that `write_predictions` wrote, in their order. Rows with equal values may share one object.

    With `confidence` they have that key, too, which takes longer. Raises UserError for a missing or broken file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    remedy = "delete it with the result of its cell and run the cell again"
    if not path.exists():
        raise UserError(f"no predictions at {path}: run the cell again with store.refresh=results")
    if not path.is_file():  # pyarrow would read the files of a folder, and wait for ever for a pipe
        raise UserError(f"{path} is no Parquet file of predictions (no file at all): {remedy}")
    try:
        there = pq.read_schema(path).names
        if tuple(there) not in (COLUMNS, (*COLUMNS, CONFIDENCE)):
            raise UserError(f"{path} has the columns {', '.join(there)}, expected {', '.join(COLUMNS)}: {remedy}")
        table = pq.read_table(path, columns=[name for name in there if name != CONFIDENCE or confidence])
        for field in table.schema:
            if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
                raise UserError(f"{path} has {field.type} in the column {field.name}, expected texts: {remedy}")
        columns: dict[str, list[Any]] = table.to_pydict()
    except UserError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path} is no Parquet file of predictions ({str(error).splitlines()[0]}): {remedy}") from None
    for name in COLUMNS[: COLUMNS.index("gold")]:
        if table[name].null_count:
            raise UserError(f"{path} has no {name} in row {columns[name].index(None)}: {remedy}")
    examples = list(zip(columns["language"], columns["split"], columns["id"], strict=True))
    if len(examples) > len(set(examples)):
        twice = next(example for example, times in Counter(examples).items() if times > 1)
        raise UserError(f"{path} has two predictions for {' '.join(twice)}: {remedy}")
    if confidence:
        columns.setdefault(CONFIDENCE, [None] * len(table))
    for name in list(columns)[len(_TEXTS) :]:
        values: dict[str | None, Any] = {None: None}
        for place, text in enumerate(columns[name]):
            try:
                values[text] = values[text] if text in values else json.loads(text)
            except (ValueError, RecursionError):
                raise UserError(f"{path} has no JSON in row {place}: {remedy}") from None
        columns[name] = [values[text] for text in columns[name]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def cell_predictions(study: Path, result: Mapping[str, Any], confidence: bool = False) -> list[dict[str, Any]]:
    """Return the predictions of a cell, given its result. Raises UserError if the file is missing, broken or another cell's."""
    path = CellPaths(study, name_of(result)).predictions
    rows = read_predictions(path, confidence)
    known = {(row["task"], row["language"], row["split"]): row["examples"] for row in result["rows"]}
    for example, times in Counter((row["task"], row["language"], row["split"]) for row in rows).items():
        if times != known.get(example, 0):
            raise UserError(
                f"{path} has {times} predictions for {' '.join(example)}, its result says {known.get(example, 0)}: "
                "they are of another cell; delete both files and run the cell again"
            )
    return rows


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
