"""python -m xstilts.predictions: show predictions of a study in the terminal: calibration, confusion matrices, examples.

`xstilts.reporting.predictions` describes them, and docs/predictions.md how to read them. The page of the report has the same.
"""

import argparse
from pathlib import Path

from xstilts.errors import UserError, unknown_name
from xstilts.launch.entry import entry_point
from xstilts.reporting.analysis import analyse
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.predictions import predictions, selected
from xstilts.reporting.views.terminal import show_predictions


@entry_point()
def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="xstilts predictions", description="What the cells of a study predict.")
    parser.add_argument("study", type=Path, help="folder of the study, for instance outputs/default")
    parser.add_argument("--target", help="only this target")
    parser.add_argument("--intermediate", help="only examples on which this choice and none disagree, and only their answers")
    parser.add_argument("--language", action="append", default=[], help="only this language, can be given several times")
    parser.add_argument("--search", default="", metavar="WORDS", help="only examples that have all of these words")
    parser.add_argument("--limit", type=int, default=5, metavar="N", help="number of examples (5)")
    given = parser.parse_args(words)
    if given.limit < 0:
        raise UserError(f"--limit {given.limit}: expected 0 or more")
    analysis = analyse(given.study)
    known = {name: set(analysis.scores[name]) for name in ("target", "intermediate", "language")}
    known["intermediate"] -= {BASELINE}
    for name, value in (
        ("target", given.target),
        ("intermediate", given.intermediate),
        *(("language", code) for code in given.language),
    ):
        if value is not None and value not in known[name]:
            raise UserError(unknown_name(f"{name} of this study", value, known[name]))
    found = predictions(analysis, given.target)
    chosen = selected(found.examples, given.intermediate, given.language, given.search)
    show_predictions(found, chosen, given.limit)


if __name__ == "__main__":
    main()
