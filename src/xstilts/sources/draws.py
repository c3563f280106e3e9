"""Order examples for a sample: by hashes of their ids, translations together, languages by their shares.

Legend: N examples, R of their rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from xstilts.sources.arrow_file import ROWS, release
from xstilts.sources.subset import order_key


def values(examples: Dataset, field: str) -> Iterator[Any]:
    """Yield the values of a field; of a mapped file, a few are in memory at a time."""
    column = examples.select_columns(field).with_format("arrow")
    for first in range(0, len(examples), ROWS):
        yield from column[first : first + ROWS].column(0).to_pylist()
        release()


def codes(examples: Dataset, field: str) -> tuple[NDArray[np.int32], list[Any]]:
    """codes_N, and the different values of a field in the order of their codes, which is that of their first rows."""
    known: dict[Any, int] = {}
    found = (known.setdefault(value, len(known)) for value in values(examples, field))
    return np.fromiter(found, dtype=np.int32, count=len(examples)), list(known)


def drawn(names: Iterable[tuple[str, str]], draw: int) -> NDArray[np.int64]:
    """Return the places of pairs (language, id) in the order of their keys, of which the first 16 bytes decide."""
    keys = bytearray()
    for language, identifier in names:
        keys += order_key(language, identifier, draw)[:16]
    high_N, low_N = np.frombuffer(keys, dtype=">u8").reshape(-1, 2).T
    return np.lexsort((low_N, high_N))


def parallel(
    rows: NDArray[np.int64],
    languages_N: NDArray[np.int32],
    languages: int,
    ids_N: NDArray[np.int32],
    ids: list[str],
    draw: int,
    together: bool,
) -> NDArray[np.int64]:
    """Sort rows so that every prefix is a sample of this draw.

    `rows` ascend; `languages` is the number of languages. `together`: ids that all languages have, and each id in all of them, so
    a sample is a multiple of the languages. Else each id goes to the language with the fewest so far among those that have it,
    the first of `rows` in a tie: if all have it, to each in turn.
    """
    rank = np.empty(len(ids), dtype=np.int64)
    rank[drawn((("", name) for name in ids), draw)] = np.arange(len(ids))
    ranks_R = rank[ids_N[rows]]
    order = np.argsort(ranks_R, kind="stable")
    rows, ranks_R = rows[order], ranks_R[order]
    starts = np.flatnonzero(np.diff(ranks_R, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    if together:
        return rows[np.repeat(sizes == languages, sizes)]
    taken, languages_R, chosen = [0] * languages, languages_N[rows].tolist(), []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        best = min(range(start, start + size), key=lambda place: taken[languages_R[place]])
        taken[languages_R[best]] += 1
        chosen.append(best)
    return rows[chosen]


def by_shares(order: NDArray[np.int64], languages_N: NDArray[np.int32], exponent: float) -> NDArray[np.int64]:
    """Reorder rows so that every prefix holds languages in proportion to n_l^exponent (method of Sainte-Laguë)."""
    place = np.empty(len(order))
    of_language = languages_N[order]
    for code, count in Counter(of_language.tolist()).items():
        place[of_language == code] = (np.arange(count) + 0.5) / count**exponent
    return order[np.argsort(place, kind="stable")]
