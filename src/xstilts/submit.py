"""python -m xstilts.submit: write the predictions of a study as a folder in the layout of XTREME's leaderboard.

`xstilts.reporting.submission` describes the files.
"""

import argparse
import sys
from pathlib import Path

from xstilts.launch.entry import entry_point
from xstilts.reporting.submission import VERSIONS, submit


@entry_point()
def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="xstilts submit", description="Predictions of a study in XTREME's leaderboard layout.")
    parser.add_argument("study", type=Path, help="folder of the study, for instance outputs/default")
    parser.add_argument("--intermediate", default="none", help="intermediate tasks joined by +, as in the result files (none)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the cells (1)")
    parser.add_argument("--version", choices=sorted(VERSIONS), default="xtreme", help="version of the benchmark (xtreme)")
    parser.add_argument("--output", type=Path, help="folder to make (STUDY/VERSION.INTERMEDIATE.seedSEED)")
    parser.add_argument("--model", help="use cells of this model, if a target has several cells")
    parser.add_argument("--recipe", help="use cells of this recipe, if a target has several cells")
    parser.add_argument("--cell", action="append", default=[], help="use this cell for its target, named as its result file")
    parser.add_argument("--partial", action="store_true", help="leave out tasks that have no cell")
    given = parser.parse_args(words)
    folder = given.output or given.study / f"{given.version}.{given.intermediate}.seed{given.seed}"
    chosen = {"model": given.model, "recipe": given.recipe, "cells": given.cell, "partial": given.partial}
    absent = submit(given.study, folder, given.version, given.intermediate, given.seed, **chosen)
    if absent:
        sys.stdout.write(f"left out, no cell: {' '.join(absent)}\n")
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
