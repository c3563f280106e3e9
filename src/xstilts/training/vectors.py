"""The vectors of an evaluation's texts: in memory, or in files that a killed evaluation goes on from.

Every process appends its vectors to a file of its own as they come, and then the rows that they belong to. A row counts once it
is on the disk, after its vector. The files of all processes together are the vectors; a text that has one is not encoded again.
Legend: N texts, n of them, V variants (`layer-pooling`), D dimensions.
"""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from xstilts.models.heads import HeadOutputs
from xstilts.sources import arrow_file
from xstilts.store.files import disk_full_as_user_error, write_json

KEEP_EVERY = 16 << 20
"""Bytes of vectors that are kept at a time: as many are computed again after a kill."""
TAKEN = 512
"""Rows that are read from mapped files before their memory is given back."""
FORM = "form.json"
"""Names of the variants, and the number of dimensions."""
Outputs = tuple[str, list[int], HeadOutputs]
"""Name of a task, row numbers of its features, and the outputs of the head for these."""


@dataclass(frozen=True)
class Vectors:
    """The vectors of N texts, float32."""

    variants: list[str]
    parts: list[NDArray[np.float32]]
    """Arrays (n, V, D), in memory or mapped."""
    places_N: NDArray[np.int64]
    """The place of each text in the parts, one after the other."""

    def take(self, variant: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors of these rows (n, D), in a new array."""
        found = np.empty((len(rows), self.parts[0].shape[2] if self.parts else 1), dtype=np.float32)
        for first in range(0, len(rows), TAKEN):
            places, base = self.places_N[rows[first : first + TAKEN]], 0
            for part in self.parts:
                here = (base <= places) & (places < base + len(part))
                found[first : first + TAKEN][here] = part[places[here] - base, variant]
                base += len(part)
            arrow_file.release()
        return found


@dataclass(frozen=True)
class Selected:
    """The vectors of some rows, each slice of which is a tensor on a device: a million vectors need not be in memory."""

    vectors: Vectors
    variant: int
    rows: NDArray[np.int64]
    device: torch.device

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice) -> Tensor:
        return torch.from_numpy(self.vectors.take(self.variant, self.rows[rows])).to(self.device)


def of_outputs(outputs: HeadOutputs) -> Vectors:
    """The vectors that a head gave for every text, in order."""
    variants = list(outputs[0]) if outputs else []
    matrix = np.array([[output[name] for name in variants] for output in outputs], dtype=np.float32)
    return Vectors(variants, [matrix] if outputs else [], np.arange(len(outputs)))


def stored(folder: Path, count: int) -> Vectors:
    """The vectors in the folder, of `count` texts. RuntimeError if a text has none."""
    form: dict[str, Any] = {"variants": [], "dimensions": 1}
    if (folder / FORM).exists():
        form = json.loads((folder / FORM).read_text())
    parts: list[NDArray[np.float32]] = []
    places_N, base = np.full(count, -1, dtype=np.int64), 0
    for file in sorted(folder.glob("*.rows")):
        if len(rows := _rows_of(file)):
            shape = (len(rows), len(form["variants"]), form["dimensions"])
            memory = arrow_file.mapped_bytes(file.with_suffix(".vectors"))
            parts.append(np.frombuffer(memory, np.float32, math.prod(shape)).reshape(shape))
            places_N[rows] = np.arange(base, base + len(rows))
            base += len(rows)
    if missing := int((places_N < 0).sum()):
        raise RuntimeError(f"{missing} of {count} texts have no vector in {folder}")
    return Vectors(form["variants"], parts, places_N)


def done(folder: Path, count: int) -> NDArray[np.bool_]:
    """For each of `count` texts, whether its vector is in the folder."""
    found = np.zeros(count, dtype=bool)
    for file in folder.glob("*.rows"):
        found[_rows_of(file)] = True
    return found


def _rows_of(file: Path) -> NDArray[np.int64]:
    return np.frombuffer(file.read_bytes()[: file.stat().st_size // 8 * 8], dtype=np.int64)


class KeepVectors(pl.Callback):
    """Adds the vectors of every batch of a prediction to those in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "0.rows"
        self._rows: list[int] = []
        self._vectors: list[NDArray[np.float32]] = []

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give each process a file of its own."""
        self.file = self.file.with_name(f"{trainer.global_rank}.rows")

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the last vectors."""
        self.keep()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Keep what there is when the evaluation is stopped."""
        self.keep()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Outputs, batch: object, batch_idx: int, loader: int = 0
    ) -> None:
        """Take the outputs of the batch."""
        _, rows, vectors = outputs
        self._rows += rows
        self._vectors += [np.stack(list(output.values())).astype(np.float32, copy=False) for output in vectors]
        if not vectors:
            return
        if not (file := self.file.with_name(FORM)).exists():
            write_json(file, {"variants": list(vectors[0]), "dimensions": self._vectors[0].shape[1]})
        if len(self._vectors) * self._vectors[0].nbytes >= KEEP_EVERY:
            self.keep()

    def keep(self) -> None:
        """Bring to the disk what was taken: first the vectors, then their rows."""
        if not self._rows:
            return
        with disk_full_as_user_error(self.file):
            known = self.file.stat().st_size // 8 if self.file.exists() else 0
            vectors = np.stack(self._vectors)
            _append(self.file.with_suffix(".vectors"), known * vectors[0].nbytes, vectors)
            _append(self.file, known * 8, np.array(self._rows, dtype=np.int64))
        self._rows, self._vectors = [], []


def _append(file: Path, size: int, values: NDArray[Any]) -> None:
    """Write the values behind the first `size` bytes of a file; what a killed process left after these is dropped."""
    with file.open("ab") as opened:
        opened.truncate(size)
        values.tofile(opened)
        opened.flush()
        os.fsync(opened.fileno())
