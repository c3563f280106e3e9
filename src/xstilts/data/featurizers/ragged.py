"""Ragged arrays: rows of different lengths as slices of one array, cut, picked and joined without Python lists.

Legend: R rows, T values, P parts of a row.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class RaggedArray:
    """R rows. Row r has the `lengths_R[r]` values from `starts_R[r]` on. Rows may share values or skip some."""

    values_T: np.ndarray
    starts_R: np.ndarray
    """int64."""
    lengths_R: np.ndarray
    """int64."""

    def __len__(self) -> int:
        return len(self.starts_R)

    def __getitem__(self, index: np.ndarray | slice) -> "RaggedArray":
        """The rows of these numbers, or those where a mask is true."""
        return RaggedArray(self.values_T, self.starts_R[index], self.lengths_R[index])

    def cut(self, most: np.ndarray | int) -> "RaggedArray":
        """The first `most` values of each row, or all if it has fewer; `most` is one number, or an array (R,)."""
        return RaggedArray(self.values_T, self.starts_R, np.minimum(self.lengths_R, most))

    def joined(self) -> np.ndarray:
        """All rows, one after the other, in a new array."""
        shift_R = self.starts_R - np.cumsum(self.lengths_R) + self.lengths_R
        return cast(np.ndarray, self.values_T[np.repeat(shift_R, self.lengths_R) + np.arange(self.lengths_R.sum())])

    def arrow(self) -> pa.ListArray:
        """One list per row."""
        return grouped(pa.array(self.joined()), self.lengths_R)


def packed(values_T: np.ndarray, lengths_R: np.ndarray) -> RaggedArray:
    """Consecutive rows of these lengths in `values_T`."""
    return RaggedArray(values_T, np.cumsum(lengths_R) - lengths_R, lengths_R)


def constant(values_T: np.ndarray, lengths_R: np.ndarray) -> RaggedArray:
    """For each row, as many of the first values of `values_T` as its length."""
    return RaggedArray(values_T, np.zeros_like(lengths_R), lengths_R)


def alternating(*parts: RaggedArray) -> RaggedArray:
    """P parts, each of R rows -> P x R rows: row 0 of every part, row 1 of every part, and so on."""
    bases = np.cumsum([0, *(len(part.values_T) for part in parts[:-1])])
    starts_RP = np.stack([part.starts_R + base for part, base in zip(parts, bases, strict=True)], axis=1)
    lengths_RP = np.stack([part.lengths_R for part in parts], axis=1)
    return RaggedArray(np.concatenate([part.values_T for part in parts]), starts_RP.ravel(), lengths_RP.ravel())


def side_by_side(*parts: RaggedArray) -> RaggedArray:
    """P parts, each of R rows -> R rows: all parts' rows of the same number, joined in this order."""
    pieces = alternating(*parts)
    return packed(pieces.joined(), pieces.lengths_R.reshape(-1, len(parts)).sum(axis=1))


def grouped(items: pa.Array, lengths_R: np.ndarray) -> pa.ListArray:
    """Consecutive lists of these lengths over the items."""
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(lengths_R)).astype(np.int32)), items)
