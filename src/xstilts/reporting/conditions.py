"""What was chosen for a cell besides its intermediate tasks, target and seed: cells are comparable where it is the same."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

# Of a resolved config: what is told elsewhere (the cell's own choices, what a task is) and what changes no result.
_LEFT_OUT = (
    *("seed", "study", "output", "worker", "stop_after", "store.*", "logger.*", "data.root", "data.extra_roots"),
    *("data.language_sets.*", "data.example_budget"),
    *("model.pinned.*", "model.layer_parameters"),
    *("intermediate.*", "target.task.*", "*.tasks.*.task.*", "target.training.*.task.*"),
)
_MACHINE, _SCIENCE = "trainer.*", "trainer.precision"
LANGUAGES = "data.world.languages"
"""The codes of a synthetic world's languages, the pivot first, told as one option beside those of each language."""
TRAINING = "target.training"
"""The names of the target's training tasks, told as one option where a target is trained on others, or on none."""
# A group of options: where its name differs, its many values do, too.
_NAMED: dict[str, tuple[str, ...]] = {
    "recipe.name": ("recipe.",),
    "data.source": ("data.",),
    "model.name_or_path": ("model.",),
    TRAINING: (f"{TRAINING}.",),
    LANGUAGES: (f"{LANGUAGES}.", "pretraining.tasks.mlm.languages", "pretraining.tasks.tlm.languages"),
}
_SEEDS = {"data.world.seed": "world", "model.tiny.seed": "encoder"}

Settings = dict[str, str]
"""Option, as it is typed -> its value as JSON."""


def condition(result: Mapping[str, Any], following: Collection[str] = ()) -> Settings:
    """All options of a result's config that cells must share to be compared, but for those that follow the seed."""
    settings = {
        key: value
        for key, value in _flat(result["config"])
        if not any(fnmatchcase(key, left_out) for left_out in _LEFT_OUT) and (key == _SCIENCE or not fnmatchcase(key, _MACHINE))
    }
    languages = result["config"].get("data", {}).get("world", {}).get("languages")
    settings |= {LANGUAGES: json.dumps(",".join(languages))} if languages else {}
    training = result["config"].get("target", {}).get("training")
    settings |= {TRAINING: json.dumps(",".join(training) or "none")} if training is not None else {}
    return {key: value for key, value in settings.items() if key not in following}


def following_seed(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Option -> what it is the seed of, `world` or `encoder`, where it is the cell's own seed in each of a study's results.

    Every seed of the study is then another world or encoder, and cells that differ in both are as comparable as those of
    two seeds are.
    """

    def follows(option: str, result: Mapping[str, Any]) -> bool:
        return dict(_flat(result["config"])).get(option) == json.dumps(result["cell"]["seed"])

    return {option: what for option, what in _SEEDS.items() if all(follows(option, result) for result in results)}


def intermediate_settings(result: Mapping[str, Any]) -> Settings:
    """How the intermediate tasks are used: languages, subsets, hyperparameters, of several their mixture; empty without any."""
    intermediate = result["config"].get("intermediate", {})
    tasks = intermediate.get("tasks", {})
    if not tasks:
        return {}
    used = {key: value for key, value in _flat(tasks) if ".task." not in key}
    whole = {"intermediate.recipe": intermediate.get("recipe", {})}
    if len(tasks) > 1:
        whole["intermediate.mixture"] = intermediate.get("mixture", {})
    return used | dict(_flat(whole))


def differences(settings: Iterable[Settings]) -> list[str]:
    """The options in which several settings differ; of two recipes, data sources or models only the name."""
    every = list(settings)
    keys = dict.fromkeys(key for one in every for key in one)
    differing = [key for key in keys if len({one.get(key) for one in every}) > 1]
    named = [start for key in differing for start in _NAMED.get(key, ())]
    return [key for key in differing if (key in _NAMED and key != LANGUAGES) or not key.startswith(tuple(named))]


def without(settings: Settings, *keys: str) -> Settings:
    """Settings but for some options, and what each of them stands for."""
    starts = tuple(start for key in keys for start in _NAMED.get(key, ()))
    return {key: value for key, value in settings.items() if key not in keys and not (starts and key.startswith(starts))}


def told(settings: Settings, keys: Iterable[str]) -> str:
    """`data.world.seed=1 recipe.name=babel`: some of the settings as they can be typed."""
    return " ".join(f"{key}={settings.get(key, 'null').strip(chr(34))}" for key in keys)


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, json.dumps(value, sort_keys=True)
