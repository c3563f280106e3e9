"""Optional parts of a report: predictions, differences by family, curves over sizes, regressions, published scores.

They are made once, for the page and for the files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.numbering import counted, natural
from xstilts.reporting import extra_tables, tables
from xstilts.reporting.analysis import Analysis
from xstilts.reporting.diversity import DiversitySlope, diversity, diversity_slopes
from xstilts.reporting.families import by_family
from xstilts.reporting.figures import curve_plot, distance_plot, diversity_plot, family_plot, rendered
from xstilts.reporting.groups import ALL, OTHERS, SCARCE, SOURCE
from xstilts.reporting.language_distances import distances
from xstilts.reporting.numbers import fixed, signed
from xstilts.reporting.predictions import Predictions, predictions
from xstilts.reporting.published import beside
from xstilts.reporting.regression import FEWEST, Regression
from xstilts.reporting.scaling import Curve, curves
from xstilts.reporting.slopes import Slope, points, slopes
from xstilts.reporting.tables import ReportTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True)
class Picture:
    """A figure with its texts."""

    name: str
    """The name of its files."""
    caption: str
    description: str
    """A text for readers who cannot see the figure."""
    figure: "Figure"

    @cached_property
    def svg(self) -> bytes:
        """The SVG file, which the page and the folder of files share."""
        return rendered(self.figure, "svg")

    def _repr_svg_(self) -> str:
        """Show the figure in a notebook."""
        return self.svg.decode()

    @property
    def title(self) -> str:
        """The caption up to its first colon: what the picture is about."""
        return self.caption.partition(":")[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, 96 per inch."""
        width, height = self.figure.get_size_inches()
        return round(96 * width), round(96 * height)


@dataclass(frozen=True)
class Extra:
    """An optional part; without a table, it does not apply to the study."""

    table: ReportTable | None = None
    pictures: tuple[Picture, ...] = ()
    left_out: str = ""
    """The missing input and the reason, if the user can provide it."""


@dataclass(frozen=True)
class Extras:
    """All optional parts of a report."""

    families: Extra = Extra()
    sizes: Extra = Extra()
    distances: Extra = Extra()
    diversity: Extra = Extra()
    published: Extra = Extra()
    predictions: Predictions = Predictions()

    @property
    def parts(self) -> tuple[Extra, ...]:
        """All parts, in the order in which the page has room for their pictures."""
        return self.sizes, self.distances, self.diversity, self.published, self.families

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """The tables of all parts."""
        return (*(part.table for part in self.parts if part.table), *self.predictions.tables)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Parts that could not be made, each with the reason."""
        without_texts = (f"texts of examples, {reason}" for reason in self.predictions.left_out)
        return (*(part.left_out for part in self.parts if part.left_out), *without_texts)


def extras(analysis: Analysis) -> Extras:
    """Make the optional parts that apply to a study. UserError if one of its results is missing or broken."""
    effects, sized, compared = by_family(analysis), curves(analysis), beside(analysis)
    return Extras(
        Extra(extra_tables.family_table(effects), tuple(_family_plots(analysis, effects))) if len(effects) else Extra(),
        Extra(extra_tables.scaling_table(sized), tuple(_curve_plots(sized))) if sized else Extra(),
        _distances(analysis),
        _diversity(analysis),
        Extra(extra_tables.published_table(compared)) if len(compared) else Extra(),
        predictions(analysis),
    )


def _family_plots(analysis: Analysis, effects: "DataFrame") -> Iterator[Picture]:
    suffixes = {condition: suffix for suffix, condition in tables.conditions(analysis)}
    for (target, condition), own in effects.groupby(["target", "condition"], sort=False):
        about = f"{target}{f' ({condition})' if condition else ''}"
        caption = (
            f"{about}: difference to the score without intermediate task, percent points, mean over the family's languages that "
            "no training used, with 95 % intervals. Hollow: may be chance. A number at the edge: off the scale."
        )
        ends = []
        for panel, part in own.groupby("panel", sort=False):
            least, most = part.loc[part["difference"].idxmin()], part.loc[part["difference"].idxmax()]
            ends.append(
                f"{panel}: from {signed(least['difference'])} ({least['intermediate']}) "
                f"to {signed(most['difference'])} ({most['intermediate']})"
            )
        yield Picture(f"families_{target}{suffixes[condition]}", caption, f"{about}. {'; '.join(ends)}.", family_plot(own))


def _distances(analysis: Analysis) -> Extra:
    every = points(analysis)
    if every["language"].nunique() < FEWEST:
        return Extra()
    try:
        known = distances(analysis)
    except UserError as error:
        return Extra(left_out=f"regressions on distance, as {error}")
    found = slopes(analysis, known)
    return Extra(extra_tables.slope_table(found), tuple(_distance_plots(analysis, found, every, known))) if found else Extra()


def _diversity(analysis: Analysis) -> Extra:
    try:
        found = diversity_slopes(analysis, diversity(analysis))
    except UserError as error:
        return Extra(left_out=f"regressions on diversity, as {error}")
    if not any(one.line for one in found):
        counts = {f"{one.tasks} has {counted(one.sets, 'set')} of languages" for one in found}
        wanted = f"expected at least {FEWEST}, of different diversity"
        told = ", ".join(sorted(counts, key=natural))
        return Extra(left_out=f"regressions on diversity: {told}; {wanted}") if found else Extra()
    return Extra(extra_tables.diversity_table(found), tuple(_diversity_plots(found)))


def _diversity_plots(found: Sequence[DiversitySlope]) -> Iterator[Picture]:
    together: dict[tuple[str, str], list[DiversitySlope]] = {}
    for one in found:
        if one.line:
            together.setdefault((one.tasks, one.condition), []).append(one)
    for place, ((tasks, condition), own) in enumerate(together.items(), start=1):
        about = f"{tasks}{f' ({condition})' if condition else ''}"
        caption = f"{about}: gain by the diversity of phase 2's languages, a mark per set of languages, with 95 % bands."
        description = "; ".join(f"{one.kind}: {_per_tenth(one.line)}" for one in own if one.line)
        yield Picture(f"diversity_{place}", caption, f"{caption} {description}.", diversity_plot(own))


def _per_tenth(line: Regression) -> str:
    ends = f"95 % interval {fixed(line.low / 10)} to {fixed(line.high / 10)}"
    return f"{signed(line.slope / 10)} percent points per 0.1, {ends}"


def _curve_plots(found: Sequence[Curve]) -> Iterator[Picture]:
    together: dict[tuple[str, str, str], list[Curve]] = {}
    for one in found:
        if one.group in (ALL, SOURCE, OTHERS, SCARCE):
            together.setdefault((one.target, one.condition, one.intermediate), []).append(one)
    for place, ((target, condition, intermediate), own) in enumerate(together.items(), start=1):
        about = ", ".join(part for part in (target, intermediate, condition) if part)
        shown = "score by number of training examples, with 95 % bands; dashed: without intermediate task"
        caption = f"{about}: {shown}. {extra_tables.bands(own)}"
        description = "; ".join(_curve(one) for one in own)
        yield Picture(f"scaling_{place}_{target}", caption, f"{about}. {description}.", curve_plot(own))


def _curve(one: Curve) -> str:
    first, last = one.law.at([one.sizes[0], one.sizes[-1]])
    base = "" if one.baseline is None else f", {fixed(one.baseline)} without intermediate task"
    return f"{one.group}: from {fixed(first)} with {one.sizes[0]:,} examples to {fixed(last)} with {one.sizes[-1]:,}{base}"


def _distance_plots(analysis: Analysis, found: Sequence[Slope], every: "DataFrame", known: "DataFrame") -> Iterator[Picture]:
    together: dict[tuple[str, str, str], list[Slope]] = {}
    for one in found:
        together.setdefault((one.target, one.condition, one.outcome), []).append(one)
    suffixes = {condition: suffix for suffix, condition in tables.conditions(analysis)}
    for (target, condition, outcome), own in together.items():
        name = f"typology_{target}_{outcome.split(' ')[0]}{suffixes[condition]}"
        caption = f"{target}: {outcome} by distance to the source language{f' ({condition})' if condition else ''}."
        description = "; ".join(f"{one.kind}: {_per_tenth(one.line)}" for one in own)
        yield Picture(name, caption, f"{caption} {description}.", distance_plot(own, every, known))
