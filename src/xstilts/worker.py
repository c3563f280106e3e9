"""python -m xstilts.worker JOB: one phase of one cell in its own process. Knows no Hydra.

Success is what the job leaves behind (an artifact with done.json, a result file), never the exit code.
"""

import logging
import os
import sys
from pathlib import Path

from xstilts.errors import UserError
from xstilts.phases.jobs import Job, ReadingJob, TokenizerJob, TrainingJob, read_job
from xstilts.phases.libraries import quiet_libraries


def run(job: Job) -> None:
    """Do the job in this process."""
    if isinstance(job, ReadingJob):
        from xstilts.phases.reading import read

        read(job)
        return
    quiet_libraries()
    if isinstance(job, TokenizerJob):
        from xstilts.phases.vocabulary import make_tokenizer

        make_tokenizer(job)
        return
    import torch

    if job.trainer.num_threads:
        torch.set_num_threads(job.trainer.num_threads)
    if isinstance(job, TrainingJob):
        from xstilts.phases.training import train

        train(job)
    else:
        from xstilts.phases.evaluation import evaluate

        evaluate(job)


def main() -> None:
    """The entry point: UserErrors are one line and exit code 2."""
    from xstilts.launch.process import STOPPED, die_with_parent, stop_at_once

    signals = stop_at_once()
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
    except Exception:
        if signals:
            sys.exit(STOPPED)
        raise


if __name__ == "__main__":
    main()
