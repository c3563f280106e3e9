"""What libraries announce at every start is no news to the user."""

import logging
import os
import warnings


def quiet_libraries() -> None:
    """Say our own lines only: what libraries announce at every start is no news to the user."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, matrix products on a GPU are not repeatable
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
