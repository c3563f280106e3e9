"""Which hyperparameters a phase trains with: the recipe's general values, then by format, then by task, then the user's own."""

from collections.abc import Mapping
from dataclasses import fields

from xstilts.config import Hyperparameters, Recipe
from xstilts.tasks.declaration import Limits, Task, TrainingTask

LAYERED = [field.name for field in fields(Hyperparameters)]
LIMIT_NAMES = list(Limits.__dataclass_fields__)


def layered(*layers: Hyperparameters) -> Hyperparameters:
    """Each value from the last layer that has one."""
    chosen = {
        name: next((value for layer in reversed(layers) if (value := getattr(layer, name)) is not None), None) for name in LAYERED
    }
    return Hyperparameters(**chosen)


def for_task(recipe: Recipe, task: Task, override: Hyperparameters) -> Hyperparameters:
    """The hyperparameters for training on, or evaluating, one task."""
    nothing = Hyperparameters()
    return layered(recipe.default, recipe.formats.get(task.format, nothing), recipe.tasks.get(task.name, nothing), override)


def for_phase(recipe: Recipe, tasks: Mapping[str, TrainingTask], override: Hyperparameters) -> Hyperparameters:
    """The optimisation of one phase: its task's, or the recipe's general values and its entry `multitask` for several."""
    if len(tasks) == 1:
        return for_task(recipe, next(iter(tasks.values())).task, override)
    return layered(recipe.default, recipe.tasks.get("multitask", Hyperparameters()), override)


def limits(hyperparameters: Hyperparameters) -> Limits:
    """The part that featurizers need; a value that no table gives is the format's default."""
    given = {name: getattr(hyperparameters, name) for name in LIMIT_NAMES}
    return Limits(**{name: value for name, value in given.items() if value is not None})
