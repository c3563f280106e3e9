"""python -m xstilts.worker JOB: run one phase of one cell in a separate process, without Hydra.

The driver recognises success by the files of the job (an artifact with done.json, a result file), never by the exit code. Large
libraries are imported only after the signal handlers are installed.
"""

import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts import signals
from xstilts.errors import UserError
from xstilts.launch.entry import entry_point
from xstilts.launch.parent import PARENT, join_parent
from xstilts.numbering import counted
from xstilts.paths import WORKER_ERROR

if TYPE_CHECKING:
    from xstilts.jobs import Job


def run(job: "Job") -> None:
    """Run the job in this process."""
    with _uncollected():
        work = _imported(job)
    work(job)


def _imported(job: "Job") -> Callable[[Any], None]:
    """Import what the job needs; returns the function that does it."""
    from xstilts.jobs import ReadingJob, TokenizerJob, TrainingJob
    from xstilts.training.libraries import quiet_libraries

    if isinstance(job, ReadingJob):
        from xstilts.training.read_data import read

        return read
    quiet_libraries()
    if isinstance(job, TokenizerJob):
        from xstilts.training.train_tokenizer import make_tokenizer

        return make_tokenizer
    import torch

    if job.trainer.num_threads:
        torch.set_num_threads(job.trainer.num_threads)
    if isinstance(job, TrainingJob):
        from xstilts.training.fit import train

        return train
    from xstilts.training.evaluate import evaluate

    return evaluate


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector. In imports it takes a fifth of the time and finds nothing, for modules stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


USAGE = """\
usage: xstilts worker JOB

Runs one phase of one cell from its job file. `xstilts train` writes the file and starts the worker automatically.
"""


def read_job_argument(words: list[str]) -> "Job":
    """Read the job file that the command line names; print the usage and exit for `--help`. Raises UserError for other files."""
    if words and words[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        sys.exit(0)
    if len(words) != 1:
        raise UserError(
            f"expected one job file, got {counted(len(words), 'argument')}: `xstilts train` writes it and starts the worker"
        )
    from xstilts.jobs import read_job

    try:
        return read_job(Path(words[0]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{words[0]} is no job file of this version: expected a file written by `xstilts train`") from None


def main(words: list[str] | None = None) -> None:
    """Run the command."""
    by_user = not {PARENT, "SLURM_PROCID"} & set(os.environ)
    with entry_point(by_user), _forwarding_signals(join_parent()):
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        logging.getLogger().setLevel(logging.WARNING)
        first = {os.environ.get(name, "0") for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")} == {"0"}
        logging.getLogger("xstilts").setLevel(logging.INFO if first else logging.WARNING)  # only the first rank logs
        job = read_job_argument(given := sys.argv[1:] if words is None else words)
        try:
            run(job)
        except UserError as error:
            Path(given[0]).with_name(WORKER_ERROR).write_text(str(error), encoding="utf-8")
            raise


def _forwarding_signals(parent: int) -> contextlib.AbstractContextManager[None]:
    """Pass stop signals from a rank that Lightning started on to the first rank, whose end ends all of them."""

    def forward(number: signal.Signals) -> None:
        if os.getppid() == parent:
            os.kill(parent, number)

    return signals.handled(forward) if os.environ.get("LOCAL_RANK", "0") != "0" else contextlib.nullcontext()


if __name__ == "__main__":
    main()
