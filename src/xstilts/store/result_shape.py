"""The schema of a result file, and consistency checks between its parts."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from xstilts import metrics
from xstilts.babel.declaration import Language
from xstilts.store.shapes import LONGEST, Shape, count, flag, keyed, listed, matching, named, number, one_of, optional, text
from xstilts.tasks.declaration import SPLITS

SCHEMA = 1
IDENTITY = ("task", "language", "split", "metric", "layer", "pooling")
"""Keys that together identify a row; no two rows share all of them."""
LARGEST = 1e100
"""Upper limit of a perplexity; squares of larger values overflow."""
ROUNDING = 1e-6
"""Tolerance for scores slightly below 0 or above 100."""
_BY_TYPE: Mapping[type, Shape] = {str: text, bool: flag, float: number}


def _metric(value: Any, place: str) -> Iterator[str]:
    """The name of a metric of an installed package."""
    yield from text(value, place)
    if isinstance(value, str) and value not in metrics.metric_names():
        yield f"{place} is {json.dumps(value[:LONGEST])}, a metric of no installed package (was a plug-in uninstalled?)"


_CELL = keyed(
    {"study": text, "intermediate": listed(text, empty=False), "target": text, "seed": count},
    {"source_language": text, "training": listed(text), "model": text, "recipe": text},
)
_ARTIFACT = keyed({"fingerprint": text, "label": text}, {"kind": text})
_ROW = keyed(
    {"task": text, "language": text, "split": one_of(*SPLITS), "metric": text, "value": optional(number), "examples": count},
    {"layer": optional(count), "pooling": optional(text), "threshold": optional(number)},
    closed=True,
)
_ROWS_OF_SPLIT = named(keyed({}, {"rows": named(count)}))
_SOURCE = keyed({}, {"generator": optional(keyed({"rows": named(count)})), "expect": optional(_ROWS_OF_SPLIT)})
_INTERMEDIATE_TASK = keyed(
    {},
    {
        "task": keyed({}, {"sources": named(_SOURCE)}),
        "languages": optional(listed(text)),
        "train": optional(text),
        "max_examples": optional(count),
        "fraction": optional(number),
    },
)
_LANGUAGE = keyed({}, {field.name: _BY_TYPE[type(field.default)] for field in fields(Language)})
_WORLD = keyed({}, {"seed": count, "rows": number, "pairs": count, "languages": named(_LANGUAGE)})
_CONFIG = keyed(
    {},
    {
        "data": keyed({}, {"source": text, "world": _WORLD}),
        "intermediate": keyed({}, {"name": optional(text), "tasks": named(_INTERMEDIATE_TASK)}),
        "target": keyed(
            {},
            {
                "max_test_examples": optional(count),
                "training": optional(named(keyed({}))),
                "task": keyed({}, {"metrics": listed(_metric, empty=False)}),
            },
        ),
    },
)
_RESULT: dict[str, Shape] = {
    "schema": count,
    "cell": _CELL,
    "fingerprint": matching(r"\w+", "letters and digits"),
    "artifacts": listed(_ARTIFACT),
    "rows": listed(_ROW, empty=False),
    "degenerate": listed(text),
    "versions": named(text),
    "config": _CONFIG,
}
KEYS = tuple(_RESULT)
_check = keyed(_RESULT)


def problems(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that is wrong with a result: wrong types first; if there are none, inconsistent rows."""
    wrong_types = list(_check(result, ""))
    yield from wrong_types
    if wrong_types:
        return
    target, seen = result["cell"]["target"], Counter(tuple(row.get(key) for key in IDENTITY) for row in result["rows"])
    for place, row in enumerate(result["rows"]):
        about = f"rows[{place}]"
        if row["task"] != target:
            yield f"{about}.task is '{row['task']}', expected the target '{target}'"
        most = 100.0 if metrics.higher_is_better(row["metric"]) else LARGEST
        if row["value"] is not None and not -ROUNDING <= row["value"] <= most + ROUNDING:
            yield f"{about}.value is {row['value']}, expected {row['metric']} to be from 0 to {most:g}"
        if (row.get("layer") is None) != (row.get("pooling") is None):
            yield f"{about} has only one of layer and pooling"
    yield from (f"two rows for {identity}" for identity, times in seen.items() if times > 1)
