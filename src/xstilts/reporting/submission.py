"""Write a study's predictions in the layout that XTREME's evaluate.py scores: `{task}/test-{language}.{tsv|json|jsonl}`.

The form of a file follows from its task's format and protocol (`Format.submission` in xstilts.tasks.format).
Lines stand in the order of the source's file. The tasks and languages are those of google-research/xtreme evaluate.py; of
XTREME-R it has no reader for LAReQA's predictions, so there is none here.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xstilts.errors import UserError, unknown_name
from xstilts.numbering import counted, natural
from xstilts.paths import CellPaths, conf_dir, results_dir
from xstilts.store.files import disk_full_as_user_error, temporary_name
from xstilts.store.results import name_of, read_predictions, read_results
from xstilts.store.shapes import Shape, count, listed, matching, summary, text
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Predictions, Submission
from xstilts.tasks.formats import format_of

VERSIONS = {
    "xtreme": ("bucc2018", "mlqa", "panx", "pawsx", "tatoeba", "tydiqa", "udpos", "xnli", "xquad"),
    "xtreme-r": ("mewslix", "mlqa", "panx", "tatoeba", "tydiqa", "udpos", "xcopa", "xnli", "xquad"),
}
"""Version of the benchmark -> its tasks, which are also the names of the official folders."""
_LATER = {"panx": "az gu lt pa pl qu ro uk", "tatoeba": "az lt pl ro uk", "udpos": "lt pl ro uk wo", "xquad": "ro"}
"""Task -> the languages that XTREME-R has added."""

Result = dict[str, Any]


def languages(task: Task, version: str) -> list[str]:
    """Return the languages of a task in a version of the benchmark."""
    later = _LATER.get(task.name, "").split() if version == "xtreme" else []
    return [language for language in task.languages if language not in later]


def submit(
    study: Path,
    folder: Path,
    version: str = "xtreme",
    intermediate: str = "none",
    seed: int = 1,
    *,
    model: str | None = None,
    recipe: str | None = None,
    cells: Iterable[str] = (),
    partial: bool = False,
) -> list[str]:
    """Write `folder` whole or not at all, from the cells of `study` with this intermediate choice and seed.

    Return the tasks of the benchmark without a cell, which only `partial` allows.

    `intermediate` is as in the names of the result files, `mnli+mlm`. `model`, `recipe` and `cells` (names of result files)
    choose one of several cells of a target. UserError, in one line that names them all, for missing or repeated predictions.
    """
    if version not in VERSIONS:
        raise UserError(unknown_name("version of the benchmark", version, VERSIONS))
    if folder.exists():
        raise UserError(f"{folder} exists already: delete it, or choose another folder with --output")
    chosen = _choose(study, version, intermediate, seed, model, recipe, list(cells))
    absent = [name for name in VERSIONS[version] if name not in chosen]
    if absent and not partial:
        raise UserError(
            f"{study} has no cell with intermediate {intermediate} and seed {seed} for {', '.join(absent)}: run xstilts train "
            "for them, or add --partial to leave them out"
        )
    files: dict[Path, str] = {}
    problems: list[str] = []
    for name, result in chosen.items():
        task = load_task(conf_dir(), name)
        for language, rows in _rows(study, task, result, languages(task, version), problems).items():
            form = _form(task)
            files[Path(name) / f"test-{language}.{form.suffix}"] = form.write(rows, language)
    if problems:
        raise UserError("; ".join(problems))
    _write(folder, files)
    return absent


def _choose(
    study: Path, version: str, intermediate: str, seed: int, model: str | None, recipe: str | None, cells: list[str]
) -> dict[str, Result]:
    """Return task -> its cell."""
    every = [result for result in read_results(results_dir(study)) if result["cell"]["target"] in VERSIONS[version]]
    cells = [name.removesuffix(".json") for name in cells]
    if unknown := [name for name in cells if name not in map(name_of, every)]:
        raise UserError(unknown_name("cell", unknown[0], map(name_of, every), "Names are those of the files in results/."))
    named = {result["cell"]["target"] for result in every if name_of(result) in cells}
    wanted = {"seed": seed} | ({"model": model} if model else {}) | ({"recipe": recipe} if recipe else {})
    found: dict[str, Result] = {}
    for result in every:
        cell = result["cell"]
        if "+".join(cell["intermediate"]) != intermediate or any(cell[key] != value for key, value in wanted.items()):
            continue
        if cell["target"] in named and name_of(result) not in cells:
            continue
        if other := found.get(cell["target"]):
            differ = next((key for key in ("model", "recipe") if cell[key] != other["cell"][key]), None)
            values = f" {other['cell'][differ]} or --{differ} {cell[differ]}" if differ else f" {name_of(other)} or another"
            raise UserError(
                f"two cells of target {cell['target']}, {name_of(other)} and {name_of(result)}: choose with "
                f"--{differ or 'cell'}{values}"
            )
        found[cell["target"]] = result
    if not found:
        have = sorted({f"{'+'.join(r['cell']['intermediate'])} with seed {r['cell']['seed']}" for r in every}, key=natural)
        asked = f"intermediate {intermediate} and " + " and ".join(f"{key} {value}" for key, value in wanted.items())
        raise UserError(f"{study} has no cell of {version} with {asked}: it has {', '.join(have) or 'none at all'}")
    return {name: found[name] for name in VERSIONS[version] if name in found}


def _rows(study: Path, task: Task, result: Result, wanted: list[str], problems: list[str]) -> dict[str, Predictions]:
    """Return language -> predictions for the split that the benchmark tests on; add what is wrong with them to `problems`."""
    name = name_of(result)
    if (limit := result["config"].get("target", {}).get("max_test_examples")) is not None:
        problems.append(f"{name} was evaluated with target.max_test_examples={limit}, expected null: run it without")
        return {}
    split = "test" if "test" in task.evaluate else "validation"
    found: dict[str, list[Mapping[str, Any]]] = {language: [] for language in wanted}
    path = CellPaths(study, name).predictions
    try:
        predictions = read_predictions(path)
    except UserError as error:
        problems.append(str(error))
        return {}
    if foreign := [row["task"] for row in predictions if row["task"] != task.name]:
        problems.append(f"{path} has predictions of {foreign[0]}, expected {task.name}; delete its files and run it again")
        return {}
    for row in predictions:
        if row["split"] == split and row["language"] in found:
            found[row["language"]].append(row)
    if missing := [language for language in wanted if not found[language]]:
        problems.append(
            f"{name} has no predictions for {' '.join(missing)}, expected {counted(len(wanted), 'language')} in split {split}: "
            "run the cell again in all of them"
        )
    expected = {row["language"]: row["examples"] for row in result["rows"] if row["split"] == split}
    whole: dict[str, Predictions] = {}
    for language, rows in found.items():
        if rows and (wrong := _incomplete(rows, expected.get(language, 0), task)):
            problems.append(f"{name}, {language}: {wrong}; delete its files and run it again")
        elif rows:
            whole[language] = rows
    return whole


def _incomplete(rows: Predictions, expected: int, task: Task) -> str | None:
    """Return what is missing or malformed, or None.

    Ids that are row numbers (`test-0`; in a file by line any `...-0`) must be 0, 1, 2, ...
    """
    form = _form(task)
    by_line = form.by_line
    for place, row in enumerate(rows):
        number = re.fullmatch(r".*-(\d+)" if by_line else r"(?:test|validation)-(\d+)", row["id"])
        if int(number[1]) != place if number else by_line:
            return f"id '{row['id']}' stands in row {place}: rows are missing or not in the order of the source's file"
    if len(rows) != expected:
        return f"{counted(len(rows), 'prediction')}, expected {expected} as its result says"
    shape = _shape(form)
    for row in rows:
        if row["prediction"] is None or (by_line and not row["prediction"]):
            return f"no prediction for id '{row['id']}'"
        if wrong := list(shape(row["prediction"], f"the prediction for id '{row['id']}'")):
            return summary(wrong)
    return None


def _form(task: Task) -> Submission:
    format = format_of(task)
    form = format.protocols[task.protocol].submission if task.protocol else format.submission
    assert form, f"{task.name} is a task of the benchmark"
    return form


def _shape(form: Submission) -> Shape:
    """The shape of one prediction."""
    item = matching(form.pattern, form.meaning) if form.pattern else count if form.is_number else text
    return listed(item) if form.is_list else item


def _write(folder: Path, files: Mapping[Path, str]) -> None:
    """All files in a folder beside `folder`, which then gets its name."""
    temporary = temporary_name(folder, "tmp")
    try:
        with disk_full_as_user_error(folder):
            for name, text in files.items():
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="")
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
