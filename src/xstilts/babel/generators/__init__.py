"""One module per kind of example: `examples(world, split, language, count, **options)`, canonical examples of its format.

An example with the same id tells the same events in every language. A module may also have `languages(config)`, where the task
is not there in every language of the world, and `labels(config)`, where the labels depend on the world's grammar.
"""

import importlib
from types import ModuleType


def generator_module(name: str) -> ModuleType:
    """The module of the generator `name`."""
    return importlib.import_module(f"{__name__}.{name}")
