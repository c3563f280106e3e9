"""What was chosen for a cell besides its intermediate tasks, target and seed: cells are comparable where it is the same."""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

# Of a resolved config: what is told elsewhere (the cell's own choices, what a task is) and what changes no result.
_LEFT_OUT = (
    *("seed", "study", "output", "worker", "store.*", "logger.*", "data.root", "data.extra_roots", "model.pinned.*"),
    *("intermediate.tasks.*", "target.task.*", "*.tasks.*.task.*", "target.training.*.task.*"),
)
_MACHINE, _SCIENCE = "trainer.*", "trainer.precision"
# A group of options: where its name differs, its many values do, too.
_NAMED = {"recipe.name": "recipe.", "data.source": "data.", "model.name_or_path": "model."}

Settings = dict[str, str]
"""Option, as it is typed -> its value as JSON."""


def condition(result: Mapping[str, Any]) -> Settings:
    """All options of a result's config that cells must share to be compared."""
    return {
        key: value
        for key, value in _flat(result["config"])
        if not any(fnmatchcase(key, left_out) for left_out in _LEFT_OUT) and (key == _SCIENCE or not fnmatchcase(key, _MACHINE))
    }


def intermediate_settings(result: Mapping[str, Any]) -> Settings:
    """How the intermediate tasks are used: languages, subsets, ..."""
    tasks = result["config"].get("intermediate", {}).get("tasks", {})
    return {key: value for key, value in _flat(tasks) if ".task." not in key}


def differences(settings: Iterable[Settings]) -> list[str]:
    """The options in which several settings differ; of two recipes, data sources or models only the name."""
    every = list(settings)
    keys = dict.fromkeys(key for one in every for key in one)
    differing = [key for key in keys if len({one.get(key) for one in every}) > 1]
    named = [_NAMED[key] for key in differing if key in _NAMED]
    return [key for key in differing if key in _NAMED or not key.startswith(tuple(named))]


def told(settings: Settings, keys: Iterable[str]) -> str:
    """`data.world.seed=1 recipe.name=babel`: some of the settings as they can be typed."""
    return " ".join(f"{key}={settings.get(key, 'null').strip(chr(34))}" for key in keys)


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, json.dumps(value, sort_keys=True)
