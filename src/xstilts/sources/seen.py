"""Find ids that occur twice, in 8 bytes for each id."""

from collections.abc import Callable, Collection, Iterator
from itertools import chain

import numpy as np

Places = Callable[[], Iterator[tuple[str, str]]]
"""Reads data again: the id and the place of each of its rows."""


class SeenIds:
    """The 64-bit hashes of the ids read so far, as a few sorted arrays. The ids themselves are read again where two are equal."""

    def __init__(self) -> None:
        self.sources: list[Places] = []
        """The data that the ids come from, in order."""
        self._sorted: list[np.ndarray] = []

    def add(self, ids: list[str]) -> dict[int, str]:
        """Add ids; return the places in `ids` of those that were there before, each with the place of its first row."""
        if not ids:
            return {}
        hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids))
        new, first = np.unique(hashes, return_index=True)
        repeated = np.ones(len(ids), dtype=bool)
        repeated[first] = False
        for known in self._sorted:
            repeated |= known[np.searchsorted(known, hashes).clip(max=len(known) - 1)] == hashes
        self._sorted.append(new)
        while len(self._sorted) > 1 and len(self._sorted[-2]) < 2 * len(self._sorted[-1]):
            self._sorted[-2:] = [np.sort(np.concatenate(self._sorted[-2:]), kind="stable")]
        numbers = np.flatnonzero(repeated).tolist()
        places = self._first_places({ids[number] for number in numbers}) if numbers else {}
        return {number: places[ids[number]] for number in numbers if ids[number] in places}

    def _first_places(self, ids: Collection[str]) -> dict[str, str]:
        """The first place of each of these ids that occurs twice; of two ids with one hash, neither may."""
        once: dict[str, str] = {}
        twice: dict[str, str] = {}
        for name, place in chain.from_iterable(read() for read in self.sources):
            if name in ids and name in once:
                twice.setdefault(name, once[name])
            elif name in ids:
                once[name] = place
        return twice
