"""How the large libraries are imported: quietly, and without what they would load for others.

Lightning imports torchmetrics, which tries out all that its audio, text and plotting parts could use (SciPy's signal processing,
Matplotlib, models of transformers); transformers itself loads an optimizer of SciPy for object detection. That is half of the
seconds that a worker takes to start.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

NOT_FOR_US = frozenset({"matplotlib", "scipy", "transformers"})
"""What torchmetrics is told is not installed. We use its mean."""


def quiet_libraries() -> None:
    """Say our own lines only: what libraries announce at every start is no news to the user."""
    # Threads that spin while they wait take the processor from those that they wait for, on a machine that does other work, too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads its OpenMP
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, matrix products on a GPU are not repeatable
    light_imports()
    import datasets
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.fabric"):
        for part in ("", ".utilities.rank_zero", ".utilities.distributed"):
            logging.getLogger(name + part).setLevel(logging.ERROR)
    for text in (
        ".*does not have many workers.*",
        ".*srun.*command is available.*",
        ".*LeafSpec.*",
        ".*isinstance.treespec.*",
        ".*smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=text)


def light_imports() -> None:
    """Import torchmetrics and transformers without what neither Lightning nor we use of them; or nothing if they are there."""
    if "torchmetrics" not in sys.modules:
        imports = import_module("lightning_utilities.core.imports")  # what comes with Lightning and is no dependency of ours
        check = imports.RequirementCache._check_available

        def check_others(self: Any) -> None:
            if re.split(r"\W", self.requirement or "")[0] in NOT_FOR_US:
                self.available, self.message = False, "not used here"
            check(self)

        installed = imports.package_available
        with (
            _replaced(imports, "package_available", lambda name: name not in NOT_FOR_US and installed(name)),
            _replaced(imports.RequirementCache, "_check_available", check_others),
        ):
            import torchmetrics  # noqa: F401  # for Lightning, which would import it with all of these
    if "transformers.modeling_utils" not in sys.modules:
        from transformers import utils

        with _replaced(utils, "is_scipy_available", lambda: False):
            import transformers.modeling_utils  # noqa: F401  # for the encoders, likewise


@contextmanager
def _replaced(place: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """While in the body, the name of a module or a class stands for this function."""
    before = getattr(place, name)
    setattr(place, name, function)
    try:
        yield
    finally:
        setattr(place, name, before)
