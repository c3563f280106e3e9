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
from xstilts.reporting.markdown import code, text
from xstilts.reporting.markdown import table as markdown_table
from xstilts.store.files import atomic_write

if TYPE_CHECKING:
    from pandas import DataFrame

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that spreadsheets run."""
DATA = ("scores", "effects", "averages", "provenance", "problems")


def export(analysis: Analysis, folder: Path, more: Extras | None = None) -> list[Path]:
    """Write every table and figure of an analysis; returns the files, the index first. Files of an earlier export are replaced,
    and nothing else in the folder is touched. `more`: what `extras` has made of the analysis; without it, it is made here."""
    more = more or extras(analysis)
    index, files = [f"# {text(analysis.name)}\n"], [folder / "README.md"]
    for table in (*tables.tables(analysis), *(part.table for part in more.parts if part.table)):
        stem = folder / "tables" / table.name
        written = {".csv": _csv(table.data), ".md": _markdown(table), ".tex": latex(table)}
        files += [_write(stem.with_name(stem.name + ending), content.encode()) for ending, content in written.items()]
        index.append(f"- {code(f'tables/{table.name}')}: {text(table.caption)}")
    drawn = (Picture(name, caption, "", figure) for name, caption, figure in figures.figures(analysis))
    for picture in chain(drawn, (picture for part in more.parts for picture in part.pictures)):
        stem = folder / "figures" / picture.name
        forms = {".svg": picture.svg, ".png": figures.rendered(picture.figure, "png")}
        files += [_write(stem.with_name(stem.name + ending), content) for ending, content in forms.items()]
        index.append(f"- {code(f'figures/{picture.name}')}: {text(picture.caption)}")
    files += [_write(folder / "data" / f"{name}.csv", _csv(getattr(analysis, name)).encode()) for name in DATA]
    index.append(f"- `data/`: {', '.join(DATA)}, as xstilts.reporting.analysis tells them")
    index += [f"- left out: {text(part.left_out)}" for part in more.parts if part.left_out]
    _write(files[0], ("\n".join(index) + "\n").encode())
    return files


def _csv(frame: "DataFrame") -> str:
    """With an apostrophe before texts that a spreadsheet would take for a formula; numbers stay as they are."""
    quoted = {name: frame[name].map(_as_text) for name in frame.columns if frame[name].dtype.kind == "O"}
    return str(frame.assign(**quoted).to_csv(index=False, lineterminator="\n"))


def _as_text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _markdown(table: Table) -> str:
    rows = [[_text(cell) for cell in row] for row in table.rows]
    return f"{text(table.caption)}\n\n" + markdown_table(list(map(text, table.header)), rows)


def _text(cell: Cell) -> str:
    written = text(cell.text)
    return " ".join(part for part in (f"**{written}**" if cell.bold else written, cell.below) if part)


def _write(path: Path, content: bytes) -> Path:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path
