"""Data maps (Swayamdipta et al. 2020, arXiv 2009.10795): which training examples a model finds easy, ambiguous or hard.

Training dynamics are the probabilities that the model assigns to each example's label, once per epoch: here at its end and
without dropout, in the paper during the epoch. Their mean over epochs is the example's confidence, their standard deviation its
variability.
"""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.subset import order_key
from xstilts.tasks.declaration import DataMap

COLUMNS = ("language", "id", "epoch", "probability")
Map = Mapping[int, tuple[float, float, bytes]]
"""Row of the examples -> confidence, variability, and the key that orders rows with equal ones."""


def write(path: Path, examples: Dataset, rows: Sequence[int], epochs: Sequence[np.ndarray]) -> None:
    """The dynamics of `examples[rows]` as Parquet; `epochs`: for each the probabilities, float (len(rows),), in that order."""
    chosen = examples.select(rows)
    count = len(epochs)
    columns = {
        "language": chosen["language"][:] * count,
        "id": chosen["id"][:] * count,
        "epoch": np.repeat(np.arange(1, count + 1, dtype=np.int32), len(rows)),
        "probability": np.concatenate(epochs).astype(np.float64) if count else np.zeros(0),
    }
    pq.write_table(pa.table(columns), path)


def data_map(path: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """(Language, id) -> confidence and variability. UserError for dynamics of fewer than two epochs: nothing varies."""
    table = pq.read_table(path, columns=list(COLUMNS))
    epochs = len(table["epoch"].unique())
    if epochs < 2:
        raise UserError(
            f"{path} holds the dynamics of {counted(epochs, 'epoch')}, expected two or more: type a larger data_map.epochs"
        )
    probabilities = [("probability", "mean"), ("probability", "stddev")]
    found = table.group_by(["language", "id"], use_threads=False).aggregate(probabilities).to_pydict()  # one order of summation
    keys = zip(found["language"], found["id"], strict=True)
    return dict(zip(keys, zip(found["probability_mean"], found["probability_stddev"], strict=True), strict=True))


def selected(examples: Dataset, path: Path, chosen: DataMap, gold: str) -> Dataset:
    """Select the examples in a region or bin of the map, in their original order. `gold`: the field with the label.

    Examples without gold have no dynamics and are left out. Ties are broken in the order of `sources.subset`. UserError if
    nothing is left.
    """
    places, keys = data_map(path), list(zip(examples["language"][:], examples["id"][:], strict=True))
    known = [row for row, key in enumerate(keys) if key in places]
    if not known:
        raise UserError(
            f"none of {counted(len(keys), 'training example')} is in the data map {path}: delete its folder and run again"
        )
    map_ = {row: (*places[keys[row]], order_key(*keys[row])) for row in known}
    if chosen.bin is None:
        return examples.select(sorted(_in_region(map_, chosen.region or "", chosen.fraction)))
    columns = [examples[name][:] for name in ("language", gold, "genre") if name in examples.column_names]
    rows = _in_bin(map_, {row: tuple(column[row] for column in columns) for row in known}, chosen.bin, chosen.bins)
    if not rows:
        raise UserError(f"data_map.bins={chosen.bins} are more bins than each label has examples: type a smaller number")
    return examples.select(sorted(rows))


def _in_region(map_: Map, region: str, fraction: float) -> list[int]:
    """Return the `fraction` of the rows (rounded, at least one) that lies deepest in a region.

    `easy`: the most confident, `ambiguous`: the most variable, `hard`: the least confident.
    """

    def depth(row: int) -> float:
        confidence, variability, _ = map_[row]
        return {"easy": confidence, "ambiguous": variability, "hard": -confidence}[region]

    order = sorted(map_, key=lambda row: (-depth(row), map_[row][2]))
    return order[: max(1, round(len(order) * fraction))]


def _in_bin(map_: Map, strata: Mapping[int, Hashable], number: int, bins: int) -> list[int]:
    """Return the rows of a bin, 1 the most confident: the same number of each stratum (language, label and genre) in all bins.

    As many rows of a stratum as do not share out evenly, fewer than `bins`, are left out at random.
    """
    members: dict[Hashable, list[int]] = {}
    for row in sorted(map_, key=lambda row: map_[row][2]):
        members.setdefault(strata[row], []).append(row)
    found = []
    for rows in members.values():
        size = len(rows) // bins
        even = sorted(rows[: size * bins], key=lambda row: -map_[row][0])
        found += even[(number - 1) * size : number * size]
    return found
