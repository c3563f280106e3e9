"""Test items on which an intermediate choice and the baseline disagree: those that one gets right and the other wrong.

An item is right if it gets the metric's full score. Of each choice the items with the largest gain and with the largest loss are
kept, each over all languages and seeds; of equal ones those that a hash of their name puts first, which is as good as at random.

Shapes: X items of all languages one after the other, I different items.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.items import Items, same_items
from xstilts.reporting.naming import choice_name
from xstilts.store.results import name_of

DISAGREEMENTS = "target condition intermediate item gain gained lost".split()
MOST = 15
"""Number of items that are kept of each choice and direction."""


def disagreements(one: Comparison, condition: str, items: Mapping[str, Items]) -> Iterator[list[object]]:
    """Yield a row for each kept item, those of all choices in turn, the largest gains and losses first.

    `item` is its hash, `gain` the sum over languages of the share of seeds that are right less that of the baseline, `gained` and
    `lost` the numbers of items with a gain and with a loss. `items`: name of a result -> its items, as far as they are known.
    """
    rights = {choice: _right_X(one, choice, items) for choice in one.cells}
    baseline = rights.pop(BASELINE, None)
    columns = []
    for choice, own in rights.items():
        if baseline is None or own is None or not np.array_equal(own[0], baseline[0]):
            continue
        items_I, places_X = np.unique(own[0], return_inverse=True)
        gain_I = np.bincount(places_X, weights=own[1] - baseline[1]).round(9)
        order = np.argsort(-gain_I, kind="stable")
        counts = [int((gain_I > 0).sum()), int((gain_I < 0).sum())]
        gained, lost = order[: counts[0]][:MOST], order[len(order) - counts[1] :]
        lost = lost[np.argsort(gain_I[lost], kind="stable")][:MOST]
        about = [one.target, condition, choice_name(choice)]
        for kept in (gained, lost):
            columns.append([[*about, int(items_I[place]), float(gain_I[place]), *counts] for place in kept])
    for rank in range(MOST):
        yield from (column[rank] for column in columns if rank < len(column))


def _right_X(one: Comparison, choice: str, items: Mapping[str, Items]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the items of all languages, and the share of seeds in which each is right; None if they are not known."""
    known = [items.get(name_of(result)) for result in one.cells[choice].values()]
    found = [of_seed for of_seed in known if of_seed]
    if not found or len(found) < len(known) or not all(same_items(*pair) for pair in pairwise(found)):
        return None
    codes = sorted(found[0])
    right_X = np.mean([np.concatenate([of_seed[code].right_N for code in codes]) for of_seed in found], axis=0)
    return np.concatenate([found[0][code].items_N for code in codes]), right_X
