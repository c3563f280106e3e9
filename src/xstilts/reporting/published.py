"""Published scores, to show beside a study's: results of others on the same test sets, with where each was read.

They are in published.csv: target, model, metric, language (`average` for the mean over the benchmark's languages), value, source.
XTREME's script for Tatoeba loads XLM-R Large tuned on SQuAD. That score comes after an intermediate task and is no baseline; the
names of the models say so, also in the row of XTREME's average.

They are no aim and no test: models, hyperparameters, seeds and evaluation scripts differ. Of the paper that is reproduced here
only its row on XTREME's leaderboard could be checked, not its tables. The leaderboard and the row that multilingual T5 quotes
differ; both are listed, and must not be mixed.
"""

from collections.abc import Iterator
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from xstilts.paths import conf_dir
from xstilts.reporting.submission import VERSIONS, languages
from xstilts.tasks.catalogue import load_task

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

BESIDE = "target from model metric split languages value source".split()
AVERAGE = "average"
"""Instead of a language: the mean over the benchmark's languages."""
OURS, THEIRS = "this study", "published"
_METRICS = {"f1_seqeval_0_0_12": "f1"}
"""The publications do not name the variant of a metric."""


def published() -> "DataFrame":
    """Return a row per published score."""
    from pandas import read_csv

    with as_file(files("xstilts.reporting").joinpath("published.csv")) as path:
        return read_csv(path)


def beside(analysis: "Analysis") -> "DataFrame":
    """Return the study's scores and the published ones of its targets, metric by metric; `from` is OURS or THEIRS.

    The study's scores are means over the languages that the benchmark and every seed have, then over seeds; `languages` is their
    number. The benchmark is XTREME, for other targets XTREME-R. Empty for a synthetic world and for targets without published
    scores.
    """
    from pandas import DataFrame

    every = published()
    rows: list[list[object]] = []
    scores = analysis.scores if not analysis.synthetic else analysis.scores[:0]
    for target, part in scores.groupby("target", sort=False):
        theirs = every[(every["target"] == target) & (every["language"] == AVERAGE)]
        if theirs.empty:
            continue
        of_benchmark = languages(load_task(conf_dir(), target), "xtreme" if target in VERSIONS["xtreme"] else "xtreme-r")
        own = [_counted(cells, of_benchmark) for _, cells in part.groupby("condition", sort=False)]
        for metric in theirs["metric"].unique():
            found = [row for cells in own for row in _ours(cells, metric, len(of_benchmark))]
            rows += [[target, OURS, *row] for row in found]
            for row in theirs[theirs["metric"] == metric].itertuples() if found else ():
                rows.append([target, THEIRS, row.model, metric, "test", "", row.value, row.source])
    return DataFrame(rows, columns=BESIDE)


def _counted(cells: "DataFrame", of_benchmark: list[str]) -> "DataFrame":
    """Select the target's main split, layer and pooling in the benchmark's languages; `cells` have one condition."""
    place = ["split", "layer", "pooling"]
    main = cells.loc[cells["main"], place].drop_duplicates()
    return cells[cells["language"].isin(of_benchmark)].merge(main, on=place)


def _ours(cells: "DataFrame", metric: str, languages: int) -> Iterator[list[object]]:
    """Yield the end of a row per intermediate choice."""
    own = cells[[_METRICS.get(name, name) == metric for name in cells["metric"]]]
    for (condition, choice), part in own.groupby(["condition", "intermediate"], sort=False):
        known = part.pivot_table(values="value", index="seed", columns="language").dropna(axis="columns")
        if known.size:
            model = " ".join(filter(None, (choice, condition)))
            yield [model, metric, part["split"].iloc[0], f"{known.shape[1]} of {languages}", float(known.to_numpy().mean()), ""]
