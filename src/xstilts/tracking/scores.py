"""A cell's result as a dashboard shows it: a table, numbers that sort well, and how far each language is behind."""

from collections.abc import Iterable, Mapping
from typing import Any

from xstilts import metrics
from xstilts.reporting.summary import main_score, mean_of_others, scores, source_language, source_score, transfer_gap

COLUMNS = ("language", "split", "metric", "layer", "pooling", "value", "examples")
OTHERS, GAP = "mean of the others", "transfer gap"
Rows = list[Mapping[str, Any]]


def table(result: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of the result file in their order, with the columns COLUMNS; layer and pooling are of retrieval only."""
    return [[row.get(column) for column in COLUMNS] for row in result["rows"]]


def summary(result: Mapping[str, Any]) -> dict[str, float]:
    """Every score as `test/accuracy/de`, with the mean of the other languages and the transfer gap.

    Scores of retrieval are named `test/accuracy, layer 8, mean/de`. The main score is also named `score/de`, to plot all targets
    together, and `xnli/de`, to plot the target alone.
    """
    source = source_language(result)
    found: dict[str, float] = {}
    for name, rows in _columns(result).items():
        found |= _named(name, rows, source)
    main = main_rows(result)
    return found | _named("score", main, source) | _named(result["cell"]["target"], main, source)


def gaps(result: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The source language's main score minus that of each other language, the largest gap first; then minus their mean."""
    source, main = source_language(result), main_rows(result)
    own, total = source_score(main, source), transfer_gap(main, source)
    if own is None or total is None:
        return []
    others = [(language, own - score) for language, score in scores(main).items() if language != source]
    return [*sorted(others, key=lambda item: -item[1]), (OTHERS, total)]


def main_scores(result: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Language and main score, the source language first."""
    source, found = source_language(result), scores(main_rows(result))
    return sorted(found.items(), key=lambda item: item[0] != source)


def main_rows(result: Mapping[str, Any]) -> Rows:
    """The rows of the target's main score that have gold; see `summary.main_score`."""
    main = main_score([result], metrics.main_key(result["config"]["target"]["task"]["metrics"][0]))
    return [row for row in main.rows(result) if row["value"] is not None] if main else []


def _columns(result: Mapping[str, Any]) -> dict[str, Rows]:
    columns: dict[str, Rows] = {}
    for row in result["rows"]:
        columns.setdefault(f"{row['split']}/{row['metric']}{_variant(row)}", []).append(row)
    return columns


def _variant(row: Mapping[str, Any]) -> str:
    return "" if row.get("layer") is None else f", layer {row['layer']}, {row['pooling']}"


def _named(prefix: str, rows: Iterable[Mapping[str, Any]], source: str) -> dict[str, float]:
    rows = list(rows)
    values = scores(rows) | {OTHERS: mean_of_others(rows, source), GAP: transfer_gap(rows, source)}
    return {f"{prefix}/{name}": value for name, value in values.items() if value is not None}
