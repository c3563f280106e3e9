"""What only some studies have, beside differences: curves over sizes, regressions on distance, published scores.

Made once, for the page and for the exported files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.reporting import tables
from xstilts.reporting.analysis import ALL, OTHERS, SOURCE, Analysis
from xstilts.reporting.figures import curve_plot, distance_plot, rendered
from xstilts.reporting.latex import Table
from xstilts.reporting.published import beside
from xstilts.reporting.scaling import Curve, curves
from xstilts.reporting.slopes import FEWEST, Slope, distances, points, slopes
from xstilts.reporting.table import number, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True)
class Picture:
    """A figure with what is told about it."""

    name: str
    """Of its files."""
    caption: str
    told: str
    """What is to be seen, for those who do not see it."""
    figure: "Figure"

    @cached_property
    def svg(self) -> bytes:
        """The file that the page shows and the export writes."""
        return rendered(self.figure, "svg")


@dataclass(frozen=True)
class Part:
    """One kind of finding; without a table, a study does not have it."""

    table: Table | None = None
    pictures: tuple[Picture, ...] = ()
    left_out: str = ""
    """What is missing and why, where a user can help it."""


@dataclass(frozen=True)
class Extras:
    """All of them."""

    sizes: Part = Part()
    distances: Part = Part()
    published: Part = Part()

    @property
    def parts(self) -> tuple[Part, ...]:
        """In the order in which they are told."""
        return self.sizes, self.distances, self.published


def extras(analysis: Analysis) -> Extras:
    """What a study has of them. UserError where one of its results is missing or broken."""
    sized, compared = curves(analysis), beside(analysis)
    return Extras(
        Part(tables.scaling_table(sized), tuple(_curve_plots(sized))) if sized else Part(),
        _distances(analysis),
        Part(tables.published_table(compared)) if len(compared) else Part(),
    )


def _distances(analysis: Analysis) -> Part:
    every = points(analysis)
    if every["language"].nunique() < FEWEST:
        return Part()
    try:
        known = distances(analysis)
    except UserError as error:
        return Part(left_out=f"regressions on distance, as {error}")
    found = slopes(analysis, known)
    return Part(tables.slope_table(found), tuple(_distance_plots(analysis, found, every, known))) if found else Part()


def _curve_plots(found: Sequence[Curve]) -> Iterator[Picture]:
    together: dict[tuple[str, str, str], list[Curve]] = {}
    for one in found:
        if one.group in (ALL, SOURCE, OTHERS):
            together.setdefault((one.target, one.condition, one.intermediate), []).append(one)
    for place, ((target, condition, intermediate), own) in enumerate(together.items(), start=1):
        about = ", ".join(part for part in (target, intermediate, condition) if part)
        caption = f"{about}: score by number of training examples, with 95 % bands; dashed: without intermediate task."
        told = "; ".join(_curve(one) for one in own)
        yield Picture(f"scaling_{place}_{target}", caption, f"{about}. {told}.", curve_plot(own))


def _curve(one: Curve) -> str:
    first, last = one.law.at([one.sizes[0], one.sizes[-1]])
    base = "" if one.baseline is None else f", {number(one.baseline)} without intermediate task"
    return f"{one.group}: from {number(first)} with {one.sizes[0]:,} examples to {number(last)} with {one.sizes[-1]:,}{base}"


def _distance_plots(analysis: Analysis, found: Sequence[Slope], every: "DataFrame", known: "DataFrame") -> Iterator[Picture]:
    together: dict[tuple[str, str, str], list[Slope]] = {}
    for one in found:
        together.setdefault((one.target, one.condition, one.outcome), []).append(one)
    suffixes = {condition: suffix for suffix, condition in tables.conditions(analysis)}
    for (target, condition, outcome), own in together.items():
        name = f"typology_{target}_{outcome.split(' ')[0]}{suffixes[condition]}"
        caption = f"{target}: {outcome} by distance to the source language{f' ({condition})' if condition else ''}."
        told = "; ".join(
            f"{one.kind}: {signed(one.line.slope / 10)} percent points per 0.1 of distance, "
            f"95 % interval {number(one.line.low / 10)} to {number(one.line.high / 10)}"
            for one in own
        )
        yield Picture(name, caption, f"{caption} {told}.", distance_plot(own, every, known))
