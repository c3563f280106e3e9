"""Intermediate-task training and zero-shot cross-lingual transfer, from Python.

    import xstilts

    cell = xstilts.run("+intermediate=snli", "+target=xnli", "model=xlmr_base")
    cell.scores, cell.predictions       # as frames of pandas
    cell.artifact, cell.model()         # a folder, and the model of transformers in it
    print(xstilts.plan("+experiments=phang2020", "seed=1,2,3"))
    study = xstilts.load_study("outputs/default")
    study.scores, study.effects         # as frames of pandas
    xstilts.load_examples("xquad", language="th")

Every function takes the words of the command line and raises `UserError` with the line that the command would print. They are
explained in docs/python.md.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xstilts.api import Cell, Plan, Study, Task, load_examples, load_study, plan, run
    from xstilts.errors import UserError

__version__ = "0.2.0"
__all__ = ["Cell", "Plan", "Study", "Task", "UserError", "load_examples", "load_study", "plan", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import xstilts` itself loads no library."""
    if name not in __all__:
        raise AttributeError(f"module 'xstilts' has no attribute '{name}'")
    return getattr(importlib.import_module("xstilts.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
