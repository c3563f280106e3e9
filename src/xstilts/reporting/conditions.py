"""The options of a cell besides intermediate tasks, target and seed: cells can be compared if these are the same."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import translate
from typing import Any

# Keys of a resolved config that describe the cell's choices and its tasks, or that do not change results.
_LEFT_OUT = (
    *("seed", "study", "output", "worker", "stop_after", "store.*", "logger.*", "data.root", "data.extra_roots"),
    *("data.language_sets.*", "data.example_budget", "data.example_sizes"),
    *("model.pinned.*", "model.layer_parameters"),
    *("intermediate.*", "target.task.*", "*.tasks.*.task.*", "target.training.*.task.*"),
)
_MACHINE, _SCIENCE = "trainer.*", "trainer.precision"
_IGNORED = re.compile("|".join(map(translate, (*_LEFT_OUT, _MACHINE))))
LANGUAGES = "data.world.languages"
"""An option made up here: the codes of a synthetic world's languages, the pivot first."""
TRAINING = "target.training"
"""An option made up here: the names of the target's training tasks."""
# Options with many values that follow from one name: if the names differ, only they are shown.
_NAMED: dict[str, tuple[str, ...]] = {
    "recipe.name": ("recipe.",),
    "data.source": ("data.",),
    "model.name_or_path": ("model.",),
    TRAINING: (f"{TRAINING}.",),
    LANGUAGES: (f"{LANGUAGES}.", "pretraining.tasks.mlm.languages", "pretraining.tasks.tlm.languages"),
}
_SEEDS = ("data.world.seed", "model.tiny.seed")

Settings = dict[str, str]
"""Option, as it is typed -> its value as JSON."""


def condition(result: Mapping[str, Any], following: Collection[str] = ()) -> Settings:
    """Return the options that cells must share to be compared, except those in `following`."""
    settings = {key: value for key, value in _flat(result["config"]) if key == _SCIENCE or not _IGNORED.match(key)}
    languages = result["config"].get("data", {}).get("world", {}).get("languages")
    settings |= {LANGUAGES: json.dumps(",".join(languages))} if languages else {}
    training = result["config"].get("target", {}).get("training")
    settings |= {TRAINING: json.dumps(",".join(training) or "none")} if training is not None else {}
    return {key: value for key, value in settings.items() if key not in following}


def following_seed(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the seeds of world and encoder that equal the cell's own seed in every result of a study.

    Every seed of the study is then another world or encoder, and cells that differ in both can be compared like two seeds.
    """
    return [option for option in _SEEDS if all(_value(one["config"], option) == one["cell"]["seed"] for one in results)]


def following_draws(results: Sequence[Mapping[str, Any]], phase: str = "intermediate", table: str = "tasks") -> list[str]:
    """Return the tasks whose `draw` was typed as `${seed}`: it equals the cell's seed in every result."""
    draws: dict[str, list[tuple[int, int]]] = {}
    for result in results:
        for task, used in (result["config"].get(phase, {}).get(table) or {}).items():
            draws.setdefault(task, []).append((used.get("draw", 0), result["cell"]["seed"]))
    return [task for task, both in draws.items() if all(draw == seed for draw, seed in both) and any(draw for draw, _ in both)]


def intermediate_settings(result: Mapping[str, Any], following: Collection[str] | None = None) -> Settings:
    """Return how the intermediate tasks are used: languages, subsets, hyperparameters, mixture; empty without any.

    `following`: `following_draws` of all results of the choice, so that they have the same settings; None: of this result alone.
    """
    following = following_draws([result]) if following is None else following
    intermediate = result["config"].get("intermediate", {})
    tasks = intermediate.get("tasks", {})
    if not tasks:
        return {}
    used = {key: value for key, value in _flat(tasks) if ".task." not in key}
    whole = {"intermediate.recipe": intermediate.get("recipe", {})}
    if len(tasks) > 1:
        whole["intermediate.mixture"] = intermediate.get("mixture", {})
    return used | dict(_flat(whole)) | {f"{task}.draw": json.dumps("${seed}") for task in following}


def differences(settings: Iterable[Settings]) -> list[str]:
    """Return the options in which settings differ; for recipes, data sources and models only the name."""
    every = list(settings)
    keys = dict.fromkeys(key for one in every for key in one)
    differing = [key for key in keys if len({one.get(key) for one in every}) > 1]
    named = [start for key in differing for start in _NAMED.get(key, ())]
    return [key for key in differing if (key in _NAMED and key != LANGUAGES) or not key.startswith(tuple(named))]


def typed(settings: Settings, keys: Iterable[str]) -> str:
    """Write some of the settings as they can be typed: `data.world.seed=1 recipe.name=babel`."""
    return " ".join(f"{key}={settings.get(key, 'null').strip(chr(34))}" for key in keys)


def _value(config: Any, option: str) -> Any:
    """Return the value of an option; None if the config does not have it."""
    for part in option.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, json.dumps(value, sort_keys=True)
