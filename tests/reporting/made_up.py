"""Targets of a study from scores alone: what the analysis of results would make of them."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from xstilts.reporting.comparison import Comparison
from xstilts.reporting.conditions import TRAINING
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.items import Items, score_items
from xstilts.reporting.summary import MainScore
from xstilts.store.results import name_of

CODES = "en de fr ru tr zh sw".split()
Scores = Mapping[str, Mapping[int, Mapping[str, float]]]
"""Choice -> seed -> language -> score."""


def comparison(
    scores: Scores, target: str = "xnli", trained_in: Mapping[str, list[str]] | None = None, **more: Any
) -> Comparison:
    """A comparison with results of these scores; `trained_in`: the languages of phase 2 of each choice."""
    cells = {
        choice: {seed: _result(choice, seed, target, own, (trained_in or {}).get(choice, [])) for seed, own in by_seed.items()}
        for choice, by_seed in scores.items()
    }
    main = MainScore("accuracy", "test", None, None)
    settings = {TRAINING: json.dumps("xnli")}
    given: dict[str, Any] = {"settings": settings, "languages": {}, "paired": False, "left_out": {}, "source": "en"}
    return Comparison(target=target, metric="accuracy", main=main, cells=cells, **(given | more))


def of_scores(scores: Scores, target: str = "xnli", **more: Any) -> Scored:
    """A target without test items."""
    return scored(comparison(scores, target, **more), "", {})


def drawn(
    rng: np.random.Generator,
    means: Mapping[str, float],
    seeds: int,
    run_sd: float = 0.5,
    codes: list[str] = CODES,
    by_language: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, dict[int, dict[str, float]]]:
    """Draw scores whose runs differ by `run_sd` in all languages alike; `by_language`: what a choice adds in some languages."""
    extra = by_language or {}
    return {
        choice: {
            seed: {code: 60 + mean + run + extra.get(choice, {}).get(code, 0.0) for code in codes}
            for seed, run in enumerate(rng.normal(0, run_sd, seeds), start=1)
        }
        for choice, mean in means.items()
    }


def with_items(one: Comparison, rng: np.random.Generator, items: int = 200) -> dict[str, Items]:
    """Draw predictions of every result, set its scores to theirs, and return their items by the result's name."""
    found: dict[str, Items] = {}
    for result in one.results():
        rows = []
        for row in result["rows"]:
            right = rng.random(items) < row["value"] / 100
            row["value"] = 100 * float(right.mean())
            own = {"task": one.target, "language": row["language"], "split": "test", "gold": 1}
            rows += [own | {"id": f"{n}", "cluster": f"{n}", "prediction": int(yes)} for n, yes in enumerate(right)]
        found[name_of(result)] = score_items(rows, "accuracy", "test")
    return found


def _result(choice: str, seed: int, target: str, scores: Mapping[str, float], trained_in: list[str]) -> dict[str, Any]:
    tasks = {} if choice == "none" else {choice: {"languages": trained_in}}
    return {
        "fingerprint": f"{abs(hash((choice, seed, target))):016x}",
        "cell": {"intermediate": [choice], "target": target, "seed": seed},
        "config": {"intermediate": {"tasks": tasks}},
        "rows": [
            {"language": code, "metric": "accuracy", "split": "test", "value": value, "examples": 200}
            for code, value in scores.items()
        ],
    }
