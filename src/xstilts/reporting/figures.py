"""The figures of a study's report, drawn by matplotlib without a display and without changing its global settings.

Colour-blind readers can distinguish the colours (Okabe and Ito 2008, with a darker yellow; purple and orange for more and less),
and nothing is shown by colour alone. The same analysis gives the same bytes: no dates, and ids from a fixed salt.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

import numpy as np

from xstilts.numbering import natural
from xstilts.reporting.analysis import Analysis
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.numbers import COLLAPSED_MARK, interval, signed
from xstilts.reporting.regression import Regression
from xstilts.reporting.slopes import GAIN, Slope
from xstilts.reporting.statistics import SIGNIFICANT, certain_part
from xstilts.reporting.tables import choices, conditions, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from xstilts.reporting.diversity import DiversitySlope
    from xstilts.reporting.scaling import Curve

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#882255", "#666666")
MARKERS = "osD^vP*X"
_DPI = 200
"""Resolution of PNG files."""
_STYLE = {
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "xstilts",
    "svg.fonttype": "path",
}
_WITHOUT_DATE = {"svg": {"Date": None, "Creator": "xstilts"}, "png": {"Software": "xstilts"}}
FORMATS = tuple(_WITHOUT_DATE)
P = ParamSpec("P")


@contextmanager
def _style() -> Iterator[None]:
    """Use matplotlib's defaults with `_STYLE`, whatever the settings of this machine are."""
    from matplotlib import style

    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in a script that the font lacks
        yield


def _styled(draw: Callable[P, "Figure"]) -> Callable[P, "Figure"]:
    @wraps(draw)
    def drawn(*given: P.args, **named: P.kwargs) -> "Figure":
        with _style():
            return draw(*given, **named)

    return drawn


def rendered(figure: "Figure", form: str) -> bytes:
    """Return the file of a figure; `form` is one of FORMATS."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written, before, dpi = io.BytesIO(), figure.canvas, figure.dpi
    with _style():
        # The same as figure.savefig, which draws everything twice, the first time for the layout alone.
        figure.set_dpi(_DPI)
        canvas: Any = {"svg": FigureCanvasSVG, "png": FigureCanvasAgg}[form](figure)
        getattr(canvas, f"print_{form}")(written, metadata=_WITHOUT_DATE[form])
        figure.set_canvas(before)
        figure.set_dpi(dpi)
    return written.getvalue()


def figures(analysis: Analysis) -> Iterator[tuple[str, str, "Figure"]]:
    """Yield name, caption and figure: the map of differences, and every target's languages."""
    for suffix, condition in conditions(analysis):
        about = f" ({condition})" if condition else ""
        effects = headline(analysis.effects[analysis.effects["condition"] == condition])
        if len(effects):
            caption = (
                f"Difference to the score without intermediate task, percent points; colour of the interval's end nearest to 0, "
                f"none where it may be chance; bold: p ≤ {SIGNIFICANT} after correction"
            )
            yield f"differences{suffix}", f"{caption}{about}.", heat_map(effects)
        main = analysis.scores[analysis.scores["main"] & (analysis.scores["condition"] == condition)]
        for target, part in main.groupby("target", sort=False):
            caption = f"{target}: score in every language, %; mean over seeds, the line from the lowest to the highest"
            yield f"languages_{target}{suffix}", f"{caption}{about}.", dot_plot(part)


@_styled
def heat_map(effects: "DataFrame") -> "Figure":
    """Draw differences of intermediate choices x targets, a row of `effects` each; hatched if it was not run.

    A colour is that of the interval's end nearest to 0, so that a difference which may be chance has none.
    """
    targets, names = list(effects["target"].unique()), choices(effects)
    found = {(row.intermediate, row.target): row for row in effects.itertuples()}
    values = np.full((len(names), len(targets)), np.nan)
    for place in np.ndindex(*values.shape):
        if row := found.get((names[place[0]], targets[place[1]])):
            values[place] = certain_part(row.low, row.high, row.covers)
    most = max(1.0, float(np.nanmax(np.abs(values))))
    figure = _figure(1.2 + 0.62 * len(targets) + _longest(names), 0.5 + 0.32 * len(names) + _longest(targets))
    axes = figure.add_subplot()
    axes.patch.set(hatch="////", edgecolor="#bbbbbb", facecolor="white")
    image = axes.imshow(np.ma.masked_invalid(values), cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            shown = found[names[row], targets[column]]
            colour = "white" if abs(value) > 0.65 * most else "black"
            weight = "bold" if shown.p_corrected <= SIGNIFICANT else "normal"
            text = signed(shown.difference) + (COLLAPSED_MARK if shown.collapsed else "")
            axes.text(column, row, text, ha="center", va="center", color=colour, weight=weight, size=7)
    axes.set_xticks(range(len(targets)), list(map(_plain, targets)), rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), list(map(_plain, names)))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, shrink=0.8, label="at least, percent points").outline.set_visible(False)
    return figure


@_styled
def family_plot(effects: "DataFrame") -> "Figure":
    """Draw differences with their intervals, a panel per family and a row per choice, on one scale; from `families.by_family`.

    The scale reaches as far as intervals do, but on either side at most three times as far as half of them do: a difference
    beyond is a number at the edge, so that one failure does not make all others look alike.
    """
    panels, names = list(effects["panel"].unique()), choices(effects)
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    beside, above, panel_height = 0.3 + _longest(names), 0.45, 0.15 * len(names) + 0.05
    width, height = beside + 1.6 * columns, (above + panel_height) * rows + 0.4
    figure = _figure(width, height, layout=None)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    figure.subplots_adjust(beside / width, 0.45 / height, 1 - 0.1 / width, 1 - 0.35 / height, 0.08, above / panel_height)
    ends = effects[["low", "difference", "high"]].to_numpy()
    reach = 3 * max(0.5, float(np.median(np.nanmax(np.abs(ends), axis=1))))
    least, most = max(-reach, min(-0.5, float(np.nanmin(ends)))), min(reach, max(0.5, float(np.nanmax(ends))))
    margin = 0.06 * (most - least)
    least, most = least - margin, most + margin
    for place, (axes, panel) in enumerate(zip(grid, panels, strict=False)):
        axes.axvline(0, color="#888888", linewidth=0.8, linestyle="--", zorder=0)
        own = effects[effects["panel"] == panel]
        own = own.assign(y=own["intermediate"].map(names.index), inside=own["difference"].between(least, most))
        certain = np.array([certain_part(row.low, row.high, row.covers) for row in own.itertuples()])
        kinds = (certain > 0, COLOURS[0], COLOURS[0]), (certain < 0, COLOURS[4], COLOURS[4]), (certain == 0, "#666666", "white")
        for part, colour, face in ((own[of_kind], colour, face) for of_kind, colour, face in kinds):
            shown = part[part["inside"]]
            axes.hlines(shown["y"], shown["low"], shown["high"], color=colour, linewidth=1.0)
            axes.plot(shown["difference"], shown["y"], "o", markersize=3.5, color=colour, markerfacecolor=face)
            for row in part[~part["inside"]].itertuples():
                edge, side, text = (least, "left", " \u25c2{}") if row.difference < 0 else (most, "right", "{}\u25b8 ")
                axes.text(edge, row.y, text.format(signed(row.difference)), ha=side, va="center", size=6, color=colour)
        axes.set_title(_plain(panel), size=7)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(labelbottom=place >= len(panels) - columns)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    grid[0].set_xlim(least, most)
    grid[0].set_ylim(len(names) - 0.4, -0.6)
    grid[0].set_yticks(range(len(names)), list(map(_plain, names)))
    figure.supxlabel("difference, percent points", size=8)
    return figure


@_styled
def dot_plot(scores: "DataFrame") -> "Figure":
    """Draw languages by their score without intermediate task, the source language on top, with a mark per choice."""
    names = choices(scores)
    table = scores.groupby(["language", "intermediate"])["value"].agg(["mean", "min", "max"])
    source = set(scores.loc[scores["source"], "language"])
    level = table["mean"].xs(names[0], level="intermediate")
    codes = sorted(scores["language"].unique(), key=lambda code: (code in source, level.get(code, -np.inf), natural(code)))
    figure = _figure(4.3 + _longest(names), max(1.6, 0.7 + 0.2 * len(codes), 0.5 + 0.17 * len(names)))
    axes = figure.add_subplot()
    axes.hlines(range(len(codes)), 0, 1, transform=axes.get_yaxis_transform(), color="#dddddd", linewidth=0.6, zorder=0)
    for place, name in enumerate(names):
        own = table.xs(name, level="intermediate")
        y = [place for place, code in enumerate(codes) if code in own.index]
        rows = own.loc[[code for code in codes if code in own.index]]
        colour, marker = _mark(place if names[0] != BASELINE else place - 1)
        axes.hlines(y, rows["min"], rows["max"], color=colour, linewidth=0.8, alpha=0.7)
        axes.plot(rows["mean"], y, linestyle="", marker=marker, color=colour, markersize=4, alpha=0.9, label=_plain(name))
    axes.set_yticks(range(len(codes)), list(map(_plain, codes)))
    axes.set_ylim(-0.6, len(codes) - 0.4)
    axes.set_xlabel("score, %")
    _legend(axes)
    return figure


@_styled
def curve_plot(curves: Sequence["Curve"]) -> "Figure":
    """Draw scores by the size of the intermediate task for one target and choice: a line and band per group of languages."""
    figure = _figure(5.4, 2.8)
    axes = figure.add_subplot()
    for place, one in enumerate(curves):
        colour, marker = _mark(place)
        sizes = np.geomspace(one.sizes[0], one.sizes[-1], 100)
        axes.fill_between(sizes, *one.law.band(sizes), color=colour, alpha=0.18, linewidth=0)
        axes.plot(sizes, one.law.at(sizes), color=colour, linewidth=1.2)
        x, label = np.tile(one.sizes, len(one.seeds)), _plain(f"{one.group} ({one.law.name})")
        axes.plot(x, one.scores.ravel(), linestyle="", marker=marker, color=colour, markersize=4, label=label)
        if one.baseline is not None:
            axes.axhline(one.baseline, color=colour, linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_xticks(curves[0].sizes, [f"{size:,}" for size in curves[0].sizes])
    axes.minorticks_off()
    axes.set_xlabel(_plain(f"training examples of {curves[0].task}"))
    axes.set_ylabel("score, %")
    _legend(axes)
    return figure


@_styled
def distance_plot(slopes: Sequence[Slope], points: "DataFrame", distances: "DataFrame") -> "Figure":
    """Draw one target's outcome by distance to the source language, a panel per kind of distance.

    Large marks are the languages' means, small ones their means with one choice; the line is the regression with its band.
    """
    first = slopes[0]
    same = [(points[key] == getattr(first, key)) for key in ("target", "condition", "outcome")]
    own = points[np.logical_and.reduce(same)]
    figure = _figure(2.6 * len(slopes), 2.6)
    for axes, one in zip(np.atleast_1d(figure.subplots(1, len(slopes), sharey=True)), slopes, strict=True):
        known = distances[(distances["kind"] == one.kind) & (distances["condition"] == one.condition)]
        joined = own.merge(known[["language", "distance"]], on="language")
        by_choice = joined.groupby(["language", "distance", "intermediate"], as_index=False)["value"].mean()
        means = by_choice.groupby(["language", "distance"], as_index=False)["value"].mean()
        if by_choice["intermediate"].nunique() > 1:
            axes.plot(by_choice["distance"], by_choice["value"], linestyle="", marker=".", color="#bbbbbb", markersize=3)
        axes.plot(means["distance"], means["value"], linestyle="", marker="o", color=COLOURS[0], markersize=4)
        for row in means.itertuples():
            axes.annotate(_plain(row.language), (row.distance, row.value), (3, 3), textcoords="offset points", size=6)
        _line(axes, one.line)
        axes.set_xlabel(f"{one.kind} distance")
    figure.axes[0].set_ylabel("gain, percent points" if first.outcome == GAIN else "score, %")
    return figure


@_styled
def diversity_plot(slopes: Sequence["DiversitySlope"]) -> "Figure":
    """Draw gains by the diversity of the languages that phase 2 trains in, a panel per kind of distance and a mark per set."""
    lines = [(one.kind, one.line) for one in slopes if one.line]
    figure = _figure(2.6 * len(lines), 2.6)
    for axes, (kind, line) in zip(np.atleast_1d(figure.subplots(1, len(lines), sharey=True)), lines, strict=True):
        axes.plot(*zip(*line.points, strict=True), linestyle="", marker="o", color=COLOURS[0], markersize=4)
        _line(axes, line)
        axes.set_xlabel(f"diversity ({kind} distance)")
    figure.axes[0].set_ylabel("gain, percent points")
    return figure


def _line(axes: "Axes", line: Regression) -> None:
    """Draw a regression line with its band, and its slope as the title."""
    x = np.linspace(min(line.points)[0], max(line.points)[0], 50)
    axes.fill_between(x, *line.band(x), color=COLOURS[4], alpha=0.18, linewidth=0)
    axes.plot(x, line.at(x), color=COLOURS[4], linewidth=1.2)
    axes.set_title(f"{signed(line.slope / 10)} {interval(line.low / 10, line.high / 10)} per 0.1", size=7)


def _figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> "Figure":
    """Make an empty figure; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def _plain(name: str) -> str:
    """Escape a name for matplotlib, which reads text between dollar signs as a formula, and put it on one line."""
    return " ".join(name.split()).replace("$", r"\$")


def _longest(names: Sequence[str]) -> float:
    """Return the printed width of the longest name, in inches."""
    return 0.07 * max(map(len, names))


def _mark(place: int) -> tuple[str, str]:
    """Return colour and marker of the n-th line; -1 is the baseline."""
    if place < 0:
        return "black", "|"
    return COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def _legend(axes: "Axes") -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.3)
