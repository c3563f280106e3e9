"""python -m xstilts.worker JOB: one phase of one cell in its own process. Knows no Hydra.

Success is what the job leaves behind (an artifact with done.json, a result file), never the exit code.
"""

import logging
import os
import sys
import warnings
from pathlib import Path

from xstilts.errors import UserError
from xstilts.jobs import Job, TrainingJob, read_job


def run(job: Job) -> None:
    """Do the job in this process."""
    quiet_libraries()
    import torch

    if job.trainer.num_threads:
        torch.set_num_threads(job.trainer.num_threads)
    if isinstance(job, TrainingJob):
        from xstilts.training import train

        train(job)
    else:
        from xstilts.evaluation import evaluate

        evaluate(job)


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


def main() -> None:
    """The entry point: UserErrors are one line and exit code 2."""
    from xstilts.launch.process import die_with_parent

    die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)
    first = {os.environ.get(name, "0") for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")} == {"0"}
    logging.getLogger("xstilts").setLevel(logging.INFO if first else logging.WARNING)  # one process speaks for all
    try:
        run(read_job(Path(sys.argv[1])))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
