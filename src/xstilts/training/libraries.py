"""Settings of the large libraries that every process needs: what they announce at each start is switched off."""

import logging
import os
import warnings


def quiet_libraries() -> None:
    """Silence the messages that libraries print at every start; ours stay."""
    # Threads that spin while they wait take the processor from those that they wait for, on a machine that does other work, too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads its OpenMP
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
