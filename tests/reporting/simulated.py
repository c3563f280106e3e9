"""Result files of a whole study that nobody has trained: as many choices, targets, seeds and languages as asked for."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from xstilts import metrics
from xstilts.calibration import calibration_error
from xstilts.paths import CellPaths, cell_name
from xstilts.store.results import write_predictions, write_result

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
    named: tuple[str, ...] = (),
) -> list[Path]:
    """Writes a result per cell, the baseline's too, through the store; returns the files. Without predictions.

    The score of a cell is a level of its target and language, its choice's effect (evenly from -`effect` to +`effect`), and noise
    of 0.5. `prefix` goes before every name of a target, or they are `named`; `name` is that of the study.
    """
    rng, codes = np.random.default_rng(0), CODES[:languages]
    gains = {"none": 0.0} | {f"task{n}": float(gain) for n, gain in enumerate(np.linspace(-effect, effect, choices), start=1)}
    levels = rng.uniform(40, 80, size=(targets, languages))
    versions = {"python": "3.11.7", "xstilts": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "datasets": "5.2.0"}
    paths = []
    for place, (choice, gain), seed in itertools.product(range(targets), gains.items(), range(1, seeds + 1)):
        target, fingerprint = named[place] if named else f"{prefix}target{place + 1}", f"{len(paths):016x}"
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


def write_sized(study: Path, target: str = "xnli", sizes: tuple[int, ...] = (100, 1000, 10_000, 100_000), seeds: int = 2) -> None:
    """Results of one target in a synthetic world of six languages, without an intermediate task and after some sizes of SQuAD.

    Scores grow with the logarithm of the size and fall with the distance to the first language.
    """
    world = {f"qa{letter}": {"overlap": 1 - place / 8} for place, letter in enumerate("abcdef")}
    rng = np.random.default_rng(0)
    for size, seed in itertools.product((None, *sizes), range(1, seeds + 1)):
        chosen = [] if size is None else ["squad_v1"]
        gain = 0.0 if size is None else 3 * float(np.log10(size))
        values = {code: 40 + gain * (1 - place / 10) - 4 * place + rng.normal(0, 0.5) for place, code in enumerate(world)}
        rows = [
            {"task": target, "language": code, "split": "test", "metric": "accuracy", "value": float(value), "examples": 1000}
            for code, value in values.items()
        ]
        fingerprint = f"{size or 0:012x}{seed:04x}"
        result = {
            "schema": 1,
            "cell": {
                "study": "sized",
                "intermediate": chosen or ["none"],
                "target": target,
                "seed": seed,
                "source_language": "qaa",
            },
            "fingerprint": fingerprint[::-1],
            "artifacts": [],
            "rows": rows,
            "degenerate": [],
            "versions": {},
            "config": {
                "data": {"source": "babel", "world": {"seed": 1, "languages": world}},
                "intermediate": {"tasks": {task: {"max_examples": size} for task in chosen}},
                "target": {"task": {"name": target, "metrics": ["accuracy"]}},
            },
        }
        write_result(CellPaths(study, cell_name(chosen, target, seed, fingerprint[::-1])).result, result)


def hash_of(*parts: object) -> str:
    """A made-up fingerprint, always the same for the same parts."""
    return f"{sum(ord(letter) * 31**place for place, letter in enumerate(' '.join(map(str, parts)))) % 16**20:020x}"


def write_predicted(study: Path, items: int = 40, confidence: bool = True, text: str = "premise") -> Path:
    """Results and predictions of one target, without and with an intermediate task, by two seeds in three languages.

    An item has the same gold in all languages, and `mnli` gets more of them right. The data is written, too: returns its folder.
    """
    rng, folder, labels, codes = np.random.default_rng(0), study / "data", ["yes", "no", "maybe"], ["en", "de", "sw"]
    gold = rng.choice(labels, size=items).tolist()
    folder.mkdir(parents=True)
    for code in codes:
        lines = [
            {"id": str(n), "language": code, "text_a": f"{text} {n} {code}", "text_b": f"hypothesis {n}", "label": gold[n]}
            for n in range(items)
        ]
        (folder / f"test-{code}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    source = {"reader": "examples", "files": {"test": f"{folder.absolute()}/test-{{language}}.jsonl"}}
    task = {"name": "nli", "format": "classification", "labels": labels, "languages": codes, "metrics": ["accuracy"]}
    for number, (choice, seed) in enumerate(itertools.product(("none", "mnli"), (1, 2))):
        rows: list[dict[str, Any]] = []
        scores: list[dict[str, Any]] = []
        for code in codes:
            given, sure = [], []
            for label in gold:
                probability = rng.dirichlet([2, 1, 1] if choice == "none" else [6, 1, 1]).round(3).tolist()
                sure.append(dict(zip([label, *(other for other in labels if other != label)], probability, strict=True)))
                given.append(max(sure[-1], key=sure[-1].__getitem__))
            for n in range(items):
                row = {"task": "nli", "language": code, "split": "test", "id": str(n), "cluster": f"de/{n}"}
                rows.append(row | {"prediction": given[n], "gold": gold[n]} | ({"confidence": sure[n]} if confidence else {}))
            values = metrics.score("accuracy", gold, given, code)
            if confidence:
                values[metrics.ECE] = calibration_error("accuracy", gold, given, sure, code) or 0.0
            about = {"task": "nli", "language": code, "split": "test", "examples": items}
            scores += [about | {"metric": metric, "value": value} for metric, value in values.items()]
        paths = CellPaths(study, cell_name([] if choice == "none" else [choice], "nli", seed, f"{number:016x}"))
        write_predictions(paths.predictions, rows)
        result = {"schema": 1, "fingerprint": f"{number:016x}", "artifacts": [], "rows": scores, "degenerate": [], "versions": {}}
        cell = {"study": "predicted", "intermediate": [choice], "target": "nli", "seed": seed, "source_language": "en"}
        config = {
            "data": {"source": "files"},
            "intermediate": {"tasks": {} if choice == "none" else {choice: {}}},
            "target": {"task": task | {"sources": {"files": source}}},
        }
        write_result(paths.result, result | {"cell": cell, "config": config})
    return folder
