"""One module per format: FEATURES, the canonical example schema that every source yields, and its invariants.

Each module has `FEATURES` (a `datasets.Features`; every schema starts with `id`, unique within a language and split, and
`language`), `gold(example)` (what metrics compare a prediction with; None where the data has no gold) and
`problem(example, labels)` (what is wrong with an example, or None).
"""

import importlib
from types import ModuleType


def format_module(name: str) -> ModuleType:
    """The module of the format `name`."""
    return importlib.import_module(f"{__name__}.{name}")
