"""Result files of a whole study that nobody has trained: as many choices, targets, seeds and languages as asked for."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.paths import CellPaths, cell_name
from xstilts.store.results import write_result

CODES = (
    "en af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh"
).split()
METRICS, SPLITS = ("f1", "exact_match"), ("validation", "test")


def write_simulated(
    study: Path,
    choices: int = 9,
    targets: int = 9,
    seeds: int = 5,
    languages: int = 40,
    metrics: tuple[str, ...] = METRICS,
    effect: float = 2.0,
    name: str = "simulated",
    prefix: str = "",
) -> list[Path]:
    """Writes a result per cell, the baseline's too, through the store; returns the files. Without predictions.

    The score of a cell is a level of its target and language, its choice's effect (evenly from -`effect` to +`effect`), and noise
    of 0.5. `prefix` goes before every name of a target, and `name` is that of the study.
    """
    rng, codes = np.random.default_rng(0), CODES[:languages]
    gains = {"none": 0.0} | {f"task{n}": float(gain) for n, gain in enumerate(np.linspace(-effect, effect, choices), start=1)}
    levels = rng.uniform(40, 80, size=(targets, languages))
    versions = {"python": "3.11.7", "xstilts": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "datasets": "5.2.0"}
    paths = []
    for place, (choice, gain), seed in itertools.product(range(targets), gains.items(), range(1, seeds + 1)):
        target, fingerprint = f"{prefix}target{place + 1}", f"{len(paths):016x}"
        rows: list[dict[str, Any]] = []
        for number, code in enumerate(codes):
            for metric, split in itertools.product(metrics, SPLITS):
                value = float(np.clip(levels[place, number] + gain + rng.normal(0, 0.5), 0, 100))
                rows.append(
                    {"task": target, "language": code, "split": split, "metric": metric, "value": value, "examples": 1000}
                )
        trained = [] if choice == "none" else [{"label": f"phase 2: {choice}", "fingerprint": f"{hash_of(choice, seed)}"}]
        result = {
            "schema": 1,
            "cell": {"study": name, "intermediate": [choice], "target": target, "seed": seed, "source_language": "en"}
            | {"model": "xlmr_large", "recipe": "jiant"},
            "fingerprint": fingerprint,
            "artifacts": [*trained, {"label": f"phase 3: {target}", "fingerprint": f"{hash_of(choice, target, seed)}"}],
            "rows": rows,
            "degenerate": ["test: one answer for every example in zh"] if len(paths) == 1 else [],
            "versions": versions,
            "config": {
                "data": {"source": "hub"},
                "intermediate": {"tasks": {} if choice == "none" else {choice: {}}},
                "target": {"task": {"name": target, "metrics": ["squad" if metrics[0] == "f1" else metrics[0]]}},
            },
        }
        paths.append(CellPaths(study, cell_name([] if choice == "none" else [choice], target, seed, fingerprint)).result)
        write_result(paths[-1], result)
    return paths


def hash_of(*parts: object) -> str:
    """A made-up fingerprint, always the same for the same parts."""
    return f"{sum(ord(letter) * 31**place for place, letter in enumerate(' '.join(map(str, parts)))) % 16**20:020x}"
