"""Published scores, to show beside one's own: what others got on the same test sets, and where it was read.

They are no aim and no test: models, hyperparameters, seeds and evaluation scripts differ, and of the paper that is reproduced
here only its row on XTREME's leaderboard could be checked, not its tables. The leaderboard and the row that multilingual T5
quotes differ; both stand here, and one must not be mixed with the other.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xstilts.paths import conf_dir
from xstilts.reporting.submission import VERSIONS, languages
from xstilts.tasks.catalogue import load_task

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

COLUMNS = "target model metric language value source".split()
BESIDE = "target from model metric split languages value source".split()
AVERAGE = "average"
"""Instead of a language: the mean over the benchmark's languages."""
OURS, THEIRS = "this study", "published"
F1, EXACT, ACCURACY = "f1", "exact_match", "accuracy"
_METRICS = {"f1_seqeval_0_0_12": F1}
"""The publications do not say which variant of a metric they have."""

_REMBERT = "RemBERT paper (arXiv 2010.12821), Table 16"
_GROUPS = "RemBERT paper (arXiv 2010.12821), Table 7"
_MT5 = "README of google-research/multilingual-t5"
_VECO = "notes on VECO that quote XTREME's baselines"
_XCOPA = "README of cambridgeltl/xcopa"
_XQUAD = "README of google-deepmind/xquad"
_LAREQA = "README of google-research-datasets/lareqa"

# xnli pawsx udpos panx, then exact match and F1 of xquad, mlqa, tydiqa; of the whole benchmark; "-": not told.
_WHOLE = """
X-STILTs    80.0 87.9 74.9 64.0 63.3/78.7 53.7/72.4 59.5/76.0 73.5
XLM-R Large 79.2 86.4 73.8 65.4 60.8/76.6 53.2/71.6 45.0/65.1 -
RemBERT     80.8 87.5 76.5 70.1 64.0/79.6 55.0/73.1 63.0/77.0 -
FILTER      83.9 91.4 76.2 67.7 68.0/82.4 57.7/76.2 50.9/68.3 -
VECO        83.0 91.1 75.1 65.7 66.3/79.9 54.9/73.1 58.9/75.0 -
"""
_F1_ONLY = """
X-STILTs    80.4 87.7 - 64.7 -/77.2 -/72.3 -/76.0 -
XLM-R Large 79.2 86.4 - 65.4 -/76.6 -/71.6 -/65.1 -
mBERT       65.4 81.9 - 62.2 -/64.5 -/61.4 -/59.7 -
"""
_TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "xtreme")
_MORE = (
    ("bucc2018", "XLM-R Large", F1, AVERAGE, 66.0, _VECO),
    ("tatoeba", "XLM-R Large", ACCURACY, AVERAGE, 57.3, _VECO),
    ("xtreme", "XLM-R Large", AVERAGE, AVERAGE, 68.1, _VECO),
    ("bucc2018", "VECO", F1, AVERAGE, 92.6, _VECO),
    ("tatoeba", "VECO", ACCURACY, AVERAGE, 91.1, _VECO),
    *(
        (f"xtreme, {group}", model, AVERAGE, AVERAGE, value, _GROUPS)
        for model, values in (("X-STILTs", (83.9, 69.4, 67.2)), ("XLM-R Large", (82.8, 69.0, 62.3)))
        for group, value in zip(("classification", "structured prediction", "question answering"), values, strict=True)
    ),
    ("xcopa", "human", ACCURACY, AVERAGE, 97.6, _XCOPA),
    ("xquad, 12 languages", "XLM-R Large", EXACT, AVERAGE, 61.5, _XQUAD),
    *(
        ("lareqa", f"mBERT {name}", "mean average precision, not cut at 20", AVERAGE, value, _LAREQA)
        for name, value in (("En-En", 0.29), ("X-X", 0.23), ("X-X-mono", 0.52), ("X-Y", 0.66))
    ),
)
_BY_LANGUAGE = {
    ("xcopa", ACCURACY, _XCOPA): "average 68.69 et 71.4 ht 50 id 79.8 it 72.6 qu 50 sw 59.2 ta 73.0 th 72.8 tr 74.4 vi 73.8 "
    "zh 78.6",
    ("xquad, 12 languages", F1, _XQUAD): "average 77.2 en 86.5 ar 68.6 de 80.4 el 79.8 es 82.0 hi 76.7 ru 80.1 th 74.2 tr 75.9 "
    "vi 79.1 zh 59.3 ro 83.6",
}
"""Of XLM-R Large."""


def published() -> "DataFrame":
    """A row per score, with where it was read."""
    from pandas import DataFrame

    rows = [row for text, source in ((_WHOLE, _REMBERT), (_F1_ONLY, _MT5)) for row in _rows(text, source)]
    rows += map(list, _MORE)
    for (target, metric, source), text in _BY_LANGUAGE.items():
        words = text.split()
        rows += [
            [target, "XLM-R Large", metric, code, float(value), source]
            for code, value in zip(words[::2], words[1::2], strict=True)
        ]
    return DataFrame(rows, columns=COLUMNS)


def beside(analysis: "Analysis") -> "DataFrame":
    """The study's scores and the published ones of its targets, metric by metric, marked by where they are `from`.

    Means over languages, of the study's own over those that XTREME has (of XCOPA and the like, XTREME-R) and that every seed has,
    then over seeds; `languages` says how many of them there are. Empty for a synthetic world, whose languages nobody else has,
    and for targets of which nothing was published.
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
    """The rows of the target's own split, layer and pooling, in the benchmark's languages; `cells` are of one condition."""
    place = ["split", "layer", "pooling"]
    main = cells.loc[cells["main"], place].drop_duplicates()
    return cells[cells["language"].isin(of_benchmark)].merge(main, on=place)


def _ours(cells: "DataFrame", metric: str, languages: int) -> Iterator[list[object]]:
    """The end of a row per intermediate choice."""
    own = cells[[_METRICS.get(name, name) == metric for name in cells["metric"]]]
    for (condition, choice), part in own.groupby(["condition", "intermediate"], sort=False):
        known = part.pivot_table(values="value", index="seed", columns="language").dropna(axis="columns")
        if known.size:
            model = " ".join(filter(None, (choice, condition)))
            yield [model, metric, part["split"].iloc[0], f"{known.shape[1]} of {languages}", float(known.to_numpy().mean()), ""]


def _rows(text: str, source: str) -> list[list[object]]:
    rows: list[list[object]] = []
    for line in text.strip().splitlines():
        words = line.split()
        model, values = " ".join(words[: -len(_TARGETS)]), words[-len(_TARGETS) :]
        for target, value in zip(_TARGETS, values, strict=True):
            for metric, told in zip(_metrics_of(target, value), value.split("/"), strict=True):
                if told != "-":
                    rows.append([target, model, metric, AVERAGE, float(told), source])
    return rows


def _metrics_of(target: str, value: str) -> tuple[str, ...]:
    if "/" in value:
        return EXACT, F1
    return ({"udpos": F1, "panx": F1, "xtreme": AVERAGE}.get(target, ACCURACY),)
