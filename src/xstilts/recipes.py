"""Merge the hyperparameters of a phase: the recipe's general values, then by format, then by task, then the user's.

Phase 2 has one more layer before the user's, `Recipe.intermediate`. Phase 1 has the general values and the user's only.
"""

from collections.abc import Mapping
from dataclasses import fields, replace

from xstilts.config import ModelConfig
from xstilts.hyperparameters import Hyperparameters, Recipe
from xstilts.tasks.declaration import Limits, Task, TrainingTask

LAYERED = [field.name for field in fields(Hyperparameters)]
LIMIT_NAMES = list(Limits.__dataclass_fields__)
ADAPTER_NAMES = [name for name in LAYERED if name.startswith("adapter")]
LORA = Hyperparameters(adapter="lora", adapter_rank=8, adapter_alpha=16.0, adapter_dropout=0.0)
"""The values of LoRA that no table gives."""


def layered(*layers: Hyperparameters) -> Hyperparameters:
    """Each value from the last layer that has one."""
    chosen = {
        name: next((value for layer in reversed(layers) if (value := getattr(layer, name)) is not None), None) for name in LAYERED
    }
    return Hyperparameters(**chosen)


def for_task(recipe: Recipe, task: Task, override: Hyperparameters, intermediate: bool = False) -> Hyperparameters:
    """The hyperparameters for training on, or evaluating, one task; as an `intermediate` one, in phase 2."""
    general = [recipe.default, *_entries(recipe.formats, task.format)]
    return layered(*general, *_of_task(recipe, task.name, intermediate), override)


def for_phase(
    recipe: Recipe, tasks: Mapping[str, TrainingTask], override: Hyperparameters, intermediate: bool = False
) -> Hyperparameters:
    """The optimisation of one phase: its task's, or the recipe's general values and its entry `multitask` for several."""
    if len(tasks) == 1:
        return for_task(recipe, next(iter(tasks.values())).task, override, intermediate)
    return layered(recipe.default, *_of_task(recipe, "multitask", intermediate), override)


def for_pretraining(recipe: Recipe, override: Hyperparameters) -> Hyperparameters:
    """Phase 1, and each of its tasks. A recipe's values for mlm are for an encoder that is trained already, and ignored here."""
    return replace(layered(recipe.default, override), **dict.fromkeys(ADAPTER_NAMES))


def with_adapter(values: Hyperparameters, model: ModelConfig) -> Hyperparameters:
    """The hyperparameters of a phase with every value that its adapter has, and null for those that it has not."""
    kind = values.adapter or model.adapter
    kept, whole = {"lora": ADAPTER_NAMES, "ia3": ["adapter_modules"]}.get(kind, []), layered(LORA, values)
    options = {name: getattr(whole, name) if name in kept else None for name in ADAPTER_NAMES}
    return replace(values, **options | {"adapter": kind if kept else None})


def _of_task(recipe: Recipe, name: str, intermediate: bool) -> list[Hyperparameters]:
    return _entries(recipe.tasks, name) + (_entries(recipe.intermediate, "default", name) if intermediate else [])


def _entries(table: Mapping[str, Hyperparameters], *names: str) -> list[Hyperparameters]:
    return [table[name] for name in names if name in table]


def limits(hyperparameters: Hyperparameters) -> Limits:
    """The values that featurizers need; where no table gives one, the format's default."""
    given = {name: getattr(hyperparameters, name) for name in LIMIT_NAMES}
    return Limits(**{name: value for name, value in given.items() if value is not None})
