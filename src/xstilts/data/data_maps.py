"""Data maps (Swayamdipta et al. 2020, arXiv 2009.10795): which training examples a model finds easy, ambiguous or hard.

Training dynamics are the probabilities that the model assigns to each example's label, once per epoch: here at its end and
without dropout, in the paper during the epoch. Their mean over epochs is the example's confidence, their standard deviation its
variability.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from xstilts.errors import UserError
from xstilts.sources.subset import order_key
from xstilts.tasks.declaration import REGIONS

COLUMNS = ("language", "id", "epoch", "probability")


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
        raise UserError(f"{path} holds the dynamics of {epochs} epoch(s), expected two or more: type a larger data_map.epochs")
    probabilities = [("probability", "mean"), ("probability", "stddev")]
    found = table.group_by(["language", "id"], use_threads=False).aggregate(probabilities).to_pydict()  # one order of summation
    keys = zip(found["language"], found["id"], strict=True)
    return dict(zip(keys, zip(found["probability_mean"], found["probability_stddev"], strict=True), strict=True))


def in_region(examples: Dataset, path: Path, region: str, fraction: float) -> Dataset:
    """Select the `fraction` of the examples (rounded, at least one example) in a region of the map; keep their order.

    `easy`: the most confident, `ambiguous`: the most variable, `hard`: the least confident; ties are broken in the order of
    `sources.subset`. Examples without gold have no dynamics and are left out.
    """
    if region not in REGIONS:
        raise ValueError(f"region {region}: expected one of {', '.join(REGIONS)}")
    places, keys = data_map(path), list(zip(examples["language"][:], examples["id"][:], strict=True))
    known = [row for row, key in enumerate(keys) if key in places]
    if not known:
        raise UserError(f"none of the {len(keys)} training examples is in the data map {path}: delete its folder and run again")

    def depth(row: int) -> float:
        confidence, variability = places[keys[row]]
        return {"easy": confidence, "ambiguous": variability, "hard": -confidence}[region]

    order = sorted(known, key=lambda row: (-depth(row), order_key(*keys[row])))
    return examples.select(sorted(order[: max(1, round(len(known) * fraction))]))
