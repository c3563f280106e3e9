"""A study's report as files, for papers and other programs: tables as CSV, Markdown and LaTeX, figures as SVG and PNG.

    README.md       the answer; captions of all tables and figures, and what could not be made
    tables/         NAME.csv (all digits, a row per number), NAME.md, NAME.tex (needs booktabs)
    figures/        NAME.svg, NAME.png
    data/           the analysis itself, as CSV: answers, scores, effects, calibration, averages, robustness, selection, claims,
                    collapses, provenance and problems; and examples of predictions

The same results give the same bytes.
"""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.reporting import figures, tables
from xstilts.reporting.analysis import Analysis
from xstilts.reporting.extras import Extras, Picture
from xstilts.reporting.views.answer import answer_markdown, answer_section
from xstilts.reporting.views.latex import latex
from xstilts.reporting.views.markdown import code, report_table, text
from xstilts.store.files import atomic_write

if TYPE_CHECKING:
    from pandas import DataFrame

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters of texts that a spreadsheet would run as a formula."""
DATA = tuple("answers scores effects calibration averages robustness selection claims collapses provenance problems".split())


def write_folder(analysis: Analysis, folder: Path, more: Extras) -> list[Path]:
    """Write every table and figure of an analysis and of its `extras`; returns the files, the index first.

    Files of an earlier report are replaced; other files in the folder stay.
    """
    index, files = [f"# {text(analysis.name)}\n", answer_markdown(answer_section(analysis))], [folder / "README.md"]
    for table in (*tables.tables(analysis), *more.tables):
        stem = folder / "tables" / table.name
        written = {".csv": _csv(table.data), ".md": report_table(table), ".tex": latex(table)}
        files += [_write(stem.with_name(stem.name + ending), content.encode()) for ending, content in written.items()]
        index.append(f"- {code(f'tables/{table.name}')}: {text(table.caption)}")
    drawn = (Picture(name, caption, "", figure) for name, caption, figure in figures.figures(analysis))
    for picture in chain(drawn, (picture for part in more.parts for picture in part.pictures)):
        stem = folder / "figures" / picture.name
        forms = {".svg": picture.svg, ".png": figures.rendered(picture.figure, "png")}
        files += [_write(stem.with_name(stem.name + ending), content) for ending, content in forms.items()]
        index.append(f"- {code(f'figures/{picture.name}')}: {text(picture.caption)}")
    files += [_write(folder / "data" / f"{name}.csv", _csv(getattr(analysis, name)).encode()) for name in DATA]
    index.append(f"- `data/`: {', '.join(DATA)}, described in xstilts.reporting.analysis")
    if more.predictions.examples is not None:
        files.append(_write(folder / "data" / "examples.csv", _csv(more.predictions.examples).encode()))
        index.append("- `data/examples.csv`: described in xstilts.reporting.predictions")
    index += [f"- left out: {text(reason)}" for reason in more.left_out]
    _write(files[0], ("\n".join(index) + "\n").encode())
    return files


def _csv(frame: "DataFrame") -> str:
    """Write a frame as CSV, with an apostrophe before texts that a spreadsheet would run as a formula."""
    quoted = {name: frame[name].map(_as_text) for name in frame.columns if frame[name].dtype.kind == "O"}
    return str(frame.assign(**quoted).to_csv(index=False, lineterminator="\n"))


def _as_text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write(path: Path, content: bytes) -> Path:
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return path
