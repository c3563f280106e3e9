"""Time, memory and size of the report of a large study: 9 targets, 9 choices and `none`, 5 seeds, 40 languages, all simulated.

Needs a checkout, for the generator of results is that of the tests.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.rounds import Line, timed
from tests.reporting.simulated import write_simulated
from xstilts.paths import CellPaths
from xstilts.store.results import name_of, write_predictions

GROUP = "reports"
ITEMS, IN_CLUSTER = 100, 5
"""Test items in a language and split, and how many of them share a cluster."""


def lines(full: bool) -> Iterator[Line]:
    """Needs no data, no network and no GPU."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "simulated"
        cells = write_study(study)
        rounds = 3 if full else 1
        command = [sys.executable, "-m", "xstilts", "report", str(study)]
        seconds = min(timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(rounds))
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        page = (study / "report" / "report.html").stat().st_size / 1e6
        note = f"{cells} cells with {ITEMS} items per language and split"
        yield Line(GROUP, "`xstilts report`, fastest of the rounds", "s", seconds, rounds=rounds, goal="< 30 s", note=note)
        yield Line(GROUP, "its largest resident memory", "GB", memory, goal="< 1 GB")
        yield Line(GROUP, "its page", "MB", page, goal="< 5 MB")


def write_study(study: Path) -> int:
    """Write results and predictions whose items give the results' scores; return the number of cells."""
    rng = np.random.default_rng(1)
    paths = write_simulated(study, metrics=("accuracy",))
    for path in paths:
        result, predictions = json.loads(path.read_text(encoding="utf-8")), []
        for row in result["rows"]:
            count = round(row["value"] / 100 * ITEMS)
            row |= {"value": 100 * count / ITEMS, "examples": ITEMS}
            is_right = rng.permutation(ITEMS) < count
            about = {"task": row["task"], "language": row["language"], "split": row["split"], "gold": 1}
            predictions += [
                about
                | {"id": f"{row['split']}-{place}", "cluster": f"{row['split']}-{place // IN_CLUSTER}", "prediction": int(right)}
                for place, right in enumerate(is_right)
            ]
        path.write_text(json.dumps(result), encoding="utf-8")
        write_predictions(CellPaths(study, name_of(result)).predictions, predictions)
    return len(paths)
