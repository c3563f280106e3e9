"""Cells of a synthetic world that nobody has trained: result and prediction files, made up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.paths import CellPaths, cell_name
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.store.results import write_predictions, write_result

WORLDS: dict[str, dict[str, dict[str, Any]]] = {
    "babel": {
        "qaa": {},
        "qab": {"negation": "after", "time": "last", "overlap": 0.4},
        "qac": {"adjective": "after", "tense": "particle", "overlap": 0.27},
        "qae": {"adjective": "after", "plural": "prefix", "tense": "prefix", "overlap": 0.12, "text": 0.15},
        "qaf": {"order": "SOV", "adposition": "after", "case": "suffix", "determiner": False, "overlap": 0.04},
    },
    "families": {"qaa": {}, "qba": {"order": "SOV"}, "qbe": {"script": "Cyrillic"}, "qbh": {"names": 0.5, "text": 0.05}},
}
RIGHT = {"qaa": 8, "qab": 7, "qac": 6, "qae": 5, "qaf": 3, "qba": 4, "qbe": 6, "qbh": 2}
"""Language -> how many of the ten test items the baseline answers."""
Write = Callable[..., None]


@pytest.fixture
def write_made_up(tmp_path: Path) -> Write:
    """Writes a cell into the folder of the test; see `_write`."""
    return lambda **given: _write(tmp_path, **given)


@pytest.fixture
def analysis(write_made_up: Write, tmp_path: Path) -> Analysis:
    """Analyse a study with four sizes of an intermediate task, in a world with enough languages for regressions."""
    write_made_up()
    for size, better in ((10, -2), (100, -1), (200, 0), (400, 1)):
        write_made_up(intermediate="squad_v1", better=better, used={"max_examples": size})
    return analyse(tmp_path)


def _write(
    study: Path,
    intermediate: str = "none",
    target: str = "xnli",
    seed: int = 1,
    world: str = "babel",
    better: int = 0,
    right: dict[str, int] | None = None,
    encoder: bool = True,
    pairs: int | None = 1500,
    layers: tuple[int | None, ...] = (None,),
    splits: tuple[str, ...] = ("test",),
    world_seed: int | None = None,
    name: str = "babel",
    used: dict[str, Any] | None = None,
) -> None:
    """Scores are those of `RIGHT` or `right`, and `better` more right of ten; ten less per layer below the last one.

    On validation layer 1 is the best. `pairs=None`: no parallel text. `used`: how each intermediate task is used.
    """
    chosen = {code: (right or RIGHT).get(code, RIGHT[code]) + better for code in WORLDS[world]}
    if layers != (None,):
        del chosen["qaa"]
    rows = []
    for split in splits:
        for layer in layers:
            below = 0 if layer is None else (layers[-1] or 0) - layer if split == "test" else abs(layer - 1)
            more = {} if layer is None else {"layer": layer, "pooling": "mean"}
            for code, correct in chosen.items():
                row = {"task": target, "language": code, "split": split, "metric": "accuracy", "examples": 10, **more}
                rows.append(row | {"value": 10.0 * (correct - below)})
    tlm = {} if pairs is None else {"tlm": {"languages": list(WORLDS[world])[1:]}}
    config = {
        "data": {
            "source": "babel",
            "world": {
                "seed": seed if world_seed is None else world_seed,
                "pairs": pairs or 1500,
                "languages": WORLDS[world],
            },
        },
        "model": {"tiny": {"seed": seed}},
        "pretraining": {"encoder": encoder, "tasks": {"mlm": {"languages": list(WORLDS[world])}, **tlm}},
        "intermediate": {"tasks": {} if intermediate == "none" else {task: used or {} for task in intermediate.split("+")}},
        "target": {
            "task": {"name": target, "metrics": ["accuracy"]},
            "recipe": {"retrieval_layers": None if len(layers) == 1 else list(layers)},
        },
    }
    fingerprint = f"{abs(hash((intermediate, target, seed, str(config)))):016x}"
    tasks = intermediate.split("+")
    paths = CellPaths(study, cell_name([] if intermediate == "none" else tasks, target, seed, fingerprint))
    cell = {"study": name, "intermediate": tasks, "target": target, "seed": seed, "source_language": "qaa"}
    first = 0 if layers[0] is None else (layers[-1] or 0) - layers[0]
    write_predictions(
        paths.predictions,
        [
            {"task": target, "language": code, "split": "test", "id": f"{n}", "cluster": f"qaa/{n}"}
            | {"prediction": int(n < correct - first), "gold": 1}
            for code, correct in chosen.items()
            for n in range(10)
        ],
    )
    versions = {"python": "3.11.9", "xstilts": "0.1"}
    result = {"schema": 1, "fingerprint": fingerprint, "artifacts": [], "rows": rows, "degenerate": [], "versions": versions}
    write_result(paths.result, result | {"cell": cell, "config": config})
