"""python -m xstilts.worker JOB: one phase of one cell in its own process, without Hydra.

Success is what the job leaves behind (an artifact with done.json, a result file), never the exit code. Imports what is large
only when signals have their handlers.
"""

import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts import signals
from xstilts.errors import UserError
from xstilts.launch.entry import entry_point
from xstilts.launch.process import PARENT, join_parent

if TYPE_CHECKING:
    from xstilts.jobs import Job


def run(job: "Job") -> None:
    """Do the job in this process."""
    from xstilts.jobs import ReadingJob, TokenizerJob, TrainingJob
    from xstilts.training.libraries import quiet_libraries

    if isinstance(job, ReadingJob):
        from xstilts.training.read_data import read

        read(job)
        return
    quiet_libraries()
    if isinstance(job, TokenizerJob):
        from xstilts.training.train_tokenizer import make_tokenizer

        make_tokenizer(job)
        return
    import torch

    if job.trainer.num_threads:
        torch.set_num_threads(job.trainer.num_threads)
    if isinstance(job, TrainingJob):
        from xstilts.training.fit import train

        train(job)
    else:
        from xstilts.training.evaluate import evaluate

        evaluate(job)


USAGE = """\
usage: xstilts worker JOB

Runs one phase of one cell from its job file. `xstilts train` writes the file and starts this by itself.
"""


def job_of(words: list[str]) -> "Job":
    """The job in the file that a command line names; with `--help` the usage, and the end. UserError for any other file."""
    if words and words[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        sys.exit(0)
    if len(words) != 1:
        raise UserError(f"expected one job file, got {len(words)} words: `xstilts train` writes it and starts this by itself")
    from omegaconf.errors import OmegaConfBaseException

    from xstilts.jobs import read_job

    try:
        return read_job(Path(words[0]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OmegaConfBaseException):
        raise UserError(f"{words[0]} is no job file of this version, as `xstilts train` writes them") from None


def main(words: list[str] | None = None) -> None:
    """The entry point."""
    by_user = not {PARENT, "SLURM_PROCID"} & set(os.environ)
    parent = join_parent()
    with entry_point(by_user), _passing_on(parent):
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        logging.getLogger().setLevel(logging.WARNING)
        first = {os.environ.get(name, "0") for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")} == {"0"}
        logging.getLogger("xstilts").setLevel(logging.INFO if first else logging.WARNING)  # one process speaks for all
        run(job_of(sys.argv[1:] if words is None else words))


def _passing_on(parent: int) -> contextlib.AbstractContextManager[None]:
    """In a rank that Lightning started: send stop signals to the rank that started it, whose end is the end of all."""

    def pass_on(number: signal.Signals) -> None:
        if os.getppid() == parent:
            os.kill(parent, number)

    return signals.handled(pass_on) if os.environ.get("LOCAL_RANK", "0") != "0" else contextlib.nullcontext()


if __name__ == "__main__":
    main()
