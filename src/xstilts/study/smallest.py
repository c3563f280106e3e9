"""Show the smallest effects of a plan: two tables, and what they mean."""

from collections.abc import Iterable, Sequence
from math import isnan
from typing import TYPE_CHECKING

from xstilts.numbering import counted
from xstilts.reporting.power import ITEM_SD, ONE_RUN, POWER, SmallestEffect
from xstilts.reporting.statistics import SIGNIFICANT

if TYPE_CHECKING:
    from rich.table import Table

SINGLE_SEED = "a single seed can only describe a difference, not test it: to test it, type seed=1,2,3 or more"


def grid_effects(effects: Sequence[SmallestEffect]) -> "Table":
    """A row per target and number of seeds, with the smallest effects of all run SDs."""
    table = new_table("target", "choices", "seeds", "languages", "items", "run SD", "smallest effect", "after correction")
    rows: dict[tuple[str, ...], list[SmallestEffect]] = {}
    for one in (effect for effect in effects if not effect.comparison):
        seeds = str(one.seeds) if one.seeds == one.baseline_seeds else f"{one.seeds}, none {one.baseline_seeds}"
        items = f"{one.items:,}" if one.items else ""
        rows.setdefault((one.target, str(one.choices), seeds, str(one.languages), items), []).append(one)
    for row, same in rows.items():
        table.add_row(*row, *_found(same, "not tested"))
    return table


def declared_effects(effects: Sequence[SmallestEffect]) -> "Table":
    """A row per primary comparison that the study declares, with the smallest effects of all run SDs."""
    table = new_table("primary comparison", "targets", "seeds", "run SD", "smallest effect", "after correction")
    rows: dict[str, list[SmallestEffect]] = {}
    for one in effects:
        if one.comparison:
            rows.setdefault(one.comparison, []).append(one)
    for name, same in rows.items():
        one = same[0]
        seeds = f"{one.seeds} to {one.baseline_seeds}" if one.seeds < one.baseline_seeds else str(one.seeds or "")
        table.add_row(name, one.target, seeds, *_found(same, one.reason))
    return table


def _found(same: Sequence[SmallestEffect], otherwise: str) -> tuple[str, str, str]:
    """Return the cells of run SDs and smallest effects, raw and corrected."""
    if isnan(same[0].effect):
        return "", otherwise, otherwise
    run_sds = ", ".join(f"{one.run_sd:.2g}" for one in same) + (" measured" if same[0].measured else "")
    return run_sds, _points(one.effect for one in same), _points(one.corrected for one in same)


def _points(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" if value <= 100 else ">100" for value in values)


def assumptions(effects: Sequence[SmallestEffect]) -> list[str]:
    """Explain the table of the smallest effects."""
    lines = []
    grid = [one for one in effects if not one.comparison]
    if primary := [one for one in effects if one.comparison and not isnan(one.effect)]:
        count = primary[0].comparisons
        lines.append(
            f"primary comparison: a true value of this size, in points, is found (p <= {SIGNIFICANT}) with a probability of "
            f"{POWER:.0%}; after Holm's correction for {count} of them. A smaller one mostly stays undecided"
        )
    tested = [one for one in grid if not isnan(one.effect)]
    if tested:
        comparisons = max(one.comparisons for one in tested)
        lines.append(
            f"smallest effect: the difference from none, in points, that is found (p <= {SIGNIFICANT}) with a probability of "
            f"{POWER:.0%}; after Holm's correction for {counted(comparisons, 'comparison')}"
        )
    if tested or primary:
        origins = {"measured in finished results of the study" if one.measured else "assumed" for one in [*tested, *primary]}
        lines.append(
            f"run SD: standard deviation between seeds, {' or '.join(sorted(origins))}; of an item's difference "
            f"{ITEM_SD:.0f} points are assumed; without a number of items it is the smallest effect of an infinite test set"
        )
    if any(one.reason == ONE_RUN for one in effects):
        lines.append(SINGLE_SEED)
    return lines


def new_table(*columns: str) -> "Table":
    """Return an empty table of a plan."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
