"""A study's report as files, for papers and for other programs: tables as CSV, Markdown and LaTeX, figures as SVG and PNG.

    README.md       what each of them tells, and what could not be made
    tables/         NAME.csv (all digits, a row per number), NAME.md, NAME.tex (needs booktabs)
    figures/        NAME.svg, NAME.png
    data/           the analysis itself, as CSV: scores, effects, averages, provenance, problems

The same results give the same bytes.
"""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.reporting import figures, tables
from xstilts.reporting.analysis import Analysis
from xstilts.reporting.extras import Extras, Picture, extras
from xstilts.reporting.latex import Cell, Table, latex
from xstilts.reporting.markdown import table as markdown_table
from xstilts.store.files import whole_file

if TYPE_CHECKING:
    from pandas import DataFrame

DATA = ("scores", "effects", "averages", "provenance", "problems")


def export(analysis: Analysis, folder: Path, more: Extras | None = None) -> list[Path]:
    """Write every table and figure of an analysis; returns the files, the index first. Files of an earlier export are replaced,
    and nothing else in the folder is touched. `more`: what `extras` has made of the analysis; without it, it is made here."""
    more = more or extras(analysis)
    index, files = [f"# {analysis.name}\n"], [folder / "README.md"]
    for table in (*tables.tables(analysis), *(part.table for part in more.parts if part.table)):
        stem = folder / "tables" / table.name
        texts = {".csv": _csv(table.data), ".md": _markdown(table), ".tex": latex(table)}
        files += [_write(stem.with_name(stem.name + ending), text.encode()) for ending, text in texts.items()]
        index.append(f"- `tables/{table.name}`: {table.caption}")
    drawn = (Picture(name, caption, "", figure) for name, caption, figure in figures.figures(analysis))
    for picture in chain(drawn, (picture for part in more.parts for picture in part.pictures)):
        stem = folder / "figures" / picture.name
        forms = {".svg": picture.svg, ".png": figures.rendered(picture.figure, "png")}
        files += [_write(stem.with_name(stem.name + ending), content) for ending, content in forms.items()]
        index.append(f"- `figures/{picture.name}`: {picture.caption}")
    files += [_write(folder / "data" / f"{name}.csv", _csv(getattr(analysis, name)).encode()) for name in DATA]
    index.append(f"- `data/`: {', '.join(DATA)}, as xstilts.reporting.analysis tells them")
    index += [f"- left out: {part.left_out}" for part in more.parts if part.left_out]
    _write(files[0], ("\n".join(index) + "\n").encode())
    return files


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
