"""Comparisons in memory, with scores that follow a known law: for simulations with many repetitions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xstilts.reporting.comparison import Comparison
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.summary import MainScore

CODES = ("en", "de", "sw")


def simulated_targets(
    rng: np.random.Generator,
    gains: Mapping[str, float],
    targets: Sequence[str] = ("one", "two", "three"),
    seeds: int = 3,
    run_sd: float = 1.0,
    shared_sd: float = 0.5,
    own_sd: float = 0.3,
    splits: Sequence[str] = ("validation", "test"),
    evaluate: Sequence[str] = ("validation", "test"),
    parts: Mapping[str, float] | None = None,
) -> list[Scored]:
    """The true score is 60 plus the choice's gain, of which a target has its part, or else all.

    `run_sd` is of a run and target, in both splits; `shared_sd` of a run in all targets; `own_sd` of a run, target, split and
    language.
    """
    names = ["none", *gains]
    common = {(choice, seed): rng.normal(0, shared_sd) for choice in names for seed in range(seeds)}
    found = []
    for target in targets:
        cells: dict[str, dict[int, dict[str, Any]]] = {choice: {} for choice in names}
        for choice in names:
            for seed in range(seeds):
                run = 60 + gains.get(choice, 0.0) * (parts or {}).get(target, 1.0) + common[choice, seed] + rng.normal(0, run_sd)
                rows = [
                    {
                        "language": code,
                        "metric": "accuracy",
                        "split": split,
                        "value": run + rng.normal(0, own_sd),
                        "examples": 100,
                    }
                    for split in splits
                    for code in CODES
                ]
                task = {"name": target, "metrics": ["accuracy"], "evaluate": list(evaluate)}
                cells[choice][seed] = {
                    "rows": rows,
                    "config": {"target": {"task": task}},
                    "cell": {"target": target, "intermediate": [choice], "seed": seed},
                    "fingerprint": "0" * 16,
                }
        main = MainScore("accuracy", splits[-1], None, None)
        one = Comparison(target, {}, "accuracy", main, "en", {}, cells, False, {})
        found.append(scored(one, "", {}))
    return found
