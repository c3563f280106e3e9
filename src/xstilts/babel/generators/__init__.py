"""Generators: one module per kind of example, each with `examples(world, split, language, count, **options)`.

It yields examples in the schema of the format. Examples with the same id describe the same events in every language. A module may
also have `languages(config)`, if the task does not exist in every language of the world, and `labels(config)`, if its labels
depend on the world's grammar.
"""

import importlib
from types import ModuleType


def generator_module(name: str) -> ModuleType:
    """Import and return the module of the generator `name`."""
    return importlib.import_module(f"{__name__}.{name}")
