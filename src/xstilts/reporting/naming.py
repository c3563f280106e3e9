"""Names of files in conf/ for conditions and choices, of which results hold only the resolved values."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache

from xstilts.paths import conf_dir
from xstilts.reporting.comparison import Comparison, Result, SortedSettings, most_common, study_wide
from xstilts.reporting.conditions import LANGUAGES, Settings, differences, intermediate_settings, typed

PARALLEL = "pretraining.tasks.tlm."
HEAD, MODEL = "target.head", "model.name_or_path"


def options(found: Sequence[Comparison]) -> list[list[str]]:
    """Return, for each comparison, the options in which it differs from most of the study's cells, as they are typed."""
    main = most_common(found)
    return [_options(main | _of_target(one, found, main), one.settings) for one in found]


def choice_name(name: str) -> str:
    """Return the name of an intermediate choice; several tasks have the name of their file, `anli_plus` for `anli+mnli+snli`."""
    tasks, *settings = name.split(" ")
    return " ".join([_choices().get(frozenset(tasks.split("+")), tasks), *settings])


def alike_choices(results: Mapping[str, Result], options: Collection[str]) -> dict[str, list[str]]:
    """Group the choices that use the same intermediate tasks alike except for some options of these, such as `languages`.

    `results`: choice -> one of its results. Returns the choices of each group of at least two, by a name for the group. The names
    that a study gives its choices do not matter.
    """
    groups: dict[tuple[tuple[str, ...], SortedSettings], list[str]] = {}
    for choice, result in results.items():
        tasks = tuple(result["config"].get("intermediate", {}).get("tasks", {}))
        left_out = {f"{task}.{option}" for task in tasks for option in options}
        rest = tuple(sorted((key, value) for key, value in intermediate_settings(result).items() if key not in left_out))
        groups.setdefault((tasks, rest), []).append(choice)
    several = {key: choices for key, choices in groups.items() if key[0] and len(choices) > 1}
    found = {}
    for (tasks, rest), choices in several.items():
        differing = differences(dict(other) for same, other in several if same == tasks)
        found[" ".join(part for part in (choice_name("+".join(tasks)), typed(dict(rest), differing)) if part)] = choices
    return found


def _options(main: Settings, own: Settings) -> list[str]:
    keys = differences([main, own])
    if own.get(HEAD) == json.dumps("given"):  # whichever checkpoint most cells have, all are told apart by name
        keys = [MODEL, *(key for key in keys if key not in (HEAD, MODEL))]
    words = []
    if LANGUAGES in keys:
        codes = own.get(LANGUAGES, "null").strip('"')
        words.append(f"data={_worlds()[codes]}" if codes in _worlds() else f"{LANGUAGES}={codes}")
    if not any(key.startswith(PARALLEL) for key in own) and any(key.startswith(PARALLEL) for key in keys):
        words.append("pretraining=mlm")
        keys = [key for key in keys if not key.startswith(PARALLEL)]
    return words + [typed(own, [key]) for key in keys if key != LANGUAGES]


def _of_target(one: Comparison, found: Sequence[Comparison], main: Settings) -> Settings:
    """Return the target's options in most of its cells, preferring cells with the study's usual condition."""
    same = [other for other in found if other.target == one.target]
    usual = [other for other in same if study_wide(other.settings) == main] or same
    most = max(usual, key=lambda other: sum(map(len, other.cells.values())))
    return {key: value for key, value in most.settings.items() if key.startswith("target.")}


@cache
def _choices() -> dict[frozenset[str], str]:
    """Return the tasks of an intermediate choice -> its name."""
    paths = sorted((conf_dir() / "intermediate").glob("*.yaml"))
    found = {path.stem: re.findall(r"/task@tasks\.(\w+)\.task", path.read_text(encoding="utf-8")) for path in paths}
    return {frozenset(tasks): name for name, tasks in found.items() if tasks}


@cache
def _worlds() -> dict[str, str]:
    """Return the codes of a world's languages -> the name of its file."""
    from omegaconf import OmegaConf

    found = {}
    for path in sorted((conf_dir() / "data").glob("*.yaml")):
        if languages := OmegaConf.select(OmegaConf.load(path), LANGUAGES):
            found[",".join(map(str, languages))] = path.stem
    return found
