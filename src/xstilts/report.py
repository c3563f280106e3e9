"""python -m xstilts.report: the results of a study -> one HTML page, tables and figures; or two studies -> what differs.

`xstilts.reporting.analysis` says what is told, and docs/report.md how to read it.
"""

import argparse
import sys
from pathlib import Path

from xstilts.errors import UserError, print_error
from xstilts.launch.entry import entry_point
from xstilts.paths import report_dir, report_page
from xstilts.reporting.analysis import analyse
from xstilts.reporting.compare import compare
from xstilts.reporting.export import export
from xstilts.reporting.extras import extras
from xstilts.reporting.page.render import write_page


@entry_point()
def main(words: list[str] | None = None) -> int:
    """The entry point; returns an exit code: 2 for something that the user can put right."""
    parser = argparse.ArgumentParser(prog="xstilts report", description="What a study found, from its result files.")
    parser.add_argument("study", type=Path, nargs="?", help="folder of the study, for instance outputs/default")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write to, made where it is missing (STUDY/report)")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("A", "B"), help="instead, show how two studies differ")
    given = parser.parse_args(words)
    try:
        if given.compare:
            shown = _compared(given)
        elif given.study is None:
            raise UserError("no study to report: expected its folder, for instance `xstilts report outputs/default`")
        else:
            shown = "".join(f"{path}\n" for path in report(given.study, given.out or report_dir(given.study)))
    except UserError as error:
        print_error(error)
        return 2
    sys.stdout.write(shown)
    return 0


def report(study: Path, folder: Path) -> list[Path]:
    """Write the report of a study into a folder; the files, the page first. UserError where nothing can be read or written."""
    analysis, page = analyse(study), report_page(folder)
    more = extras(analysis)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_page(analysis, page, more)
        return [page, *export(analysis, folder, more)]
    except OSError as error:
        raise UserError(
            f"cannot write the report to {folder} ({error.strerror or error}): name a folder that can be written to with --out"
        ) from None


def _compared(given: argparse.Namespace) -> str:
    if given.study or given.out:
        raise UserError("--compare takes two studies and shows its table: leave out --out and the other folder")
    return compare(*given.compare).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
