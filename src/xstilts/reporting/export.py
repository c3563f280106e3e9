"""A study's report as files, for papers and for other programs: tables as CSV, Markdown and LaTeX, figures as SVG and PNG.

    README.md       what each of them tells, and what could not be made
    tables/         NAME.csv (all digits, a row per number), NAME.md, NAME.tex (needs booktabs)
    figures/        NAME.svg, NAME.png
    data/           the analysis itself, as CSV: scores, effects, averages, provenance, problems

The same results give the same bytes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.reporting import figures, scaling, tables
from xstilts.reporting.analysis import ALL, OTHERS, SOURCE, Analysis
from xstilts.reporting.latex import Cell, Table, latex
from xstilts.reporting.markdown import table as markdown_table
from xstilts.reporting.published import beside
from xstilts.reporting.slopes import Slope, distances, points, slopes
from xstilts.store.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

DATA = ("scores", "effects", "averages", "provenance", "problems")
Drawn = tuple[str, str, "Figure"]
"""Name, caption, figure."""


def export(analysis: Analysis, folder: Path) -> list[Path]:
    """Write every table and figure of an analysis; returns the files, the index first. Files of an earlier export are replaced,
    and nothing else in the folder is touched."""
    index, files = [f"# {analysis.name}\n"], [folder / "README.md"]
    more_tables, drawn, left_out = _regressions(analysis)
    for table in (*tables.tables(analysis), *more_tables):
        stem = folder / "tables" / table.name
        texts = {".csv": _csv(table.data), ".md": _markdown(table), ".tex": latex(table)}
        files += [_write(stem.with_name(stem.name + ending), text.encode()) for ending, text in texts.items()]
        index.append(f"- `tables/{table.name}`: {table.caption}")
    for name, caption, figure in (*figures.figures(analysis), *drawn):
        files += [_write(folder / "figures" / f"{name}.{form}", figures.rendered(figure, form)) for form in figures.FORMATS]
        index.append(f"- `figures/{name}`: {caption}")
    files += [_write(folder / "data" / f"{name}.csv", _csv(getattr(analysis, name)).encode()) for name in DATA]
    index.append(f"- `data/`: {', '.join(DATA)}, as xstilts.reporting.analysis tells them")
    index += [f"- left out: {why}" for why in left_out]
    _write(files[0], ("\n".join(index) + "\n").encode())
    return files


def _regressions(analysis: Analysis) -> tuple[list[Table], list[Drawn], list[str]]:
    """What only some studies have: nested sizes, distances, published scores; and why others do not, where a user can help it."""
    made: list[Table] = []
    drawn: list[Drawn] = []
    left_out: list[str] = []
    if sized := scaling.curves(analysis):
        made.append(tables.scaling_table(sized))
        drawn += _curve_plots(sized)
    try:
        known = distances(analysis)
    except UserError as error:
        left_out.append(f"regressions on distance, as {error}")
    else:
        if found := slopes(analysis, known):
            made.append(tables.slope_table(found))
            drawn += _distance_plots(analysis, found, known)
    compared = beside(analysis)
    if len(compared):
        made.append(tables.published_table(compared))
    return made, drawn, left_out


def _curve_plots(found: Sequence[scaling.Curve]) -> Iterator[Drawn]:
    together: dict[tuple[str, str, str], list[scaling.Curve]] = {}
    for one in found:
        if one.group in (ALL, SOURCE, OTHERS):
            together.setdefault((one.target, one.condition, one.intermediate), []).append(one)
    for place, ((target, condition, intermediate), own) in enumerate(together.items(), start=1):
        about = ", ".join(part for part in (target, intermediate, condition) if part)
        caption = f"{about}: score by number of training examples, with 95 % bands; dashed: without intermediate task."
        yield f"scaling_{place}_{target}", caption, figures.curve_plot(own)


def _distance_plots(analysis: Analysis, found: Sequence[Slope], known: "DataFrame") -> Iterator[Drawn]:
    every = points(analysis)
    together: dict[tuple[str, str, str], list[Slope]] = {}
    for one in found:
        together.setdefault((one.target, one.condition, one.outcome), []).append(one)
    suffixes = {condition: suffix for suffix, condition in tables.conditions(analysis)}
    for (target, condition, outcome), own in together.items():
        name = f"typology_{target}_{outcome.split(' ')[0]}{suffixes[condition]}"
        about = f" ({condition})" if condition else ""
        yield name, f"{target}: {outcome} by distance to the source language{about}.", figures.distance_plot(own, every, known)


def _csv(frame: "DataFrame") -> str:
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _markdown(table: Table) -> str:
    return f"{table.caption}\n\n" + markdown_table(table.header, [[_text(cell) for cell in row] for row in table.rows])


def _text(cell: Cell) -> str:
    text = cell.text.replace("|", r"\|")
    return " ".join(part for part in (f"**{text}**" if cell.bold else text, cell.below) if part)


def _write(path: Path, content: bytes) -> Path:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return path
