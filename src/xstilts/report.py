"""python -m xstilts.report: write the report of a study, show its differences in the terminal, or compare two studies.

`xstilts.reporting.analysis` describes the tables, and docs/report.md how to read them.
"""

import argparse
import sys
from pathlib import Path

from xstilts.errors import UserError
from xstilts.launch.entry import entry_point
from xstilts.paths import report_dir, report_page
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.compare import compare
from xstilts.reporting.extras import extras
from xstilts.reporting.views.answer import answer_section, answer_text
from xstilts.reporting.views.folder import write_folder
from xstilts.reporting.views.html.page import write_page
from xstilts.reporting.views.terminal import show_study


@entry_point()
def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="xstilts report", description="The report of a study, from its result files.")
    parser.add_argument("study", type=Path, nargs="?", help="folder of the study, for instance outputs/default")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to, made where it is missing (STUDY/report)")
    parser.add_argument("--table", action="store_true", help="write nothing, and show the differences in the terminal")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A", "B"), help="instead, show how two studies differ")
    given = parser.parse_args(words)
    if given.compare:
        if given.study or given.out or given.table:
            raise UserError("--compare takes two studies and shows its table: leave out --out, --table and the other folder")
        sys.stdout.write(compare(*given.compare).rstrip() + "\n")
    elif given.study is None:
        raise UserError("no study to report: expected its folder, for instance `xstilts report outputs/default`")
    elif given.table:
        if given.out:
            raise UserError("--table writes nothing: leave out --out")
        show_study(analyse(given.study))
    else:
        analysis = analyse(given.study)
        files = _write(analysis, given.out or report_dir(given.study))
        sys.stderr.write(answer_text(answer_section(analysis)))
        sys.stdout.write("".join(f"{path}\n" for path in files))


def report(study: Path, folder: Path) -> list[Path]:
    """Write the report of a study into a folder; return its files, the page first.

    UserError if something cannot be read or written.
    """
    return _write(analyse(study), folder)


def _write(analysis: Analysis, folder: Path) -> list[Path]:
    page = report_page(folder)
    more = extras(analysis)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_page(analysis, page, more)
        return [page, *write_folder(analysis, folder, more)]
    except OSError as error:
        raise UserError(
            f"cannot write the report to {folder} ({error.strerror or error}): name a folder that can be written to with --out"
        ) from None


if __name__ == "__main__":
    main()
