"""List the data that a cell will read and that was not read before, to be read once before anything is trained. No torch.

A split that was read without a problem is marked in the store. The mark's name is the hash of all that reading depends on:
data that has changed is read again, and no cell of a sweep reads what another one has read.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.jobs import EvaluationJob, TokenizerJob, TrainingJob, UnreadSplit
from xstilts.paths import read_mark
from xstilts.sources import TaskSource
from xstilts.sources.splits import DataSplit
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import task_identity

VERSION = 2
"""Raised when reading changes so that data which was accepted may be refused."""


def unread(training: Iterable[TokenizerJob | TrainingJob], evaluation: EvaluationJob | None, store: Path) -> list[UnreadSplit]:
    """The splits that these jobs will read and that have no mark."""
    held_out = evaluation.held_out if evaluation else None
    read = [split for job in training for split in _of_training(job, store, held_out)]
    if evaluation is not None:
        read += [_unread(evaluation.source, split, store) for split in evaluation.splits]
        if held_out and held_out not in [found.split for found in read]:
            read.append(_unread(evaluation.source, held_out, store))
    return [split for mark, split in {split.mark: split for split in read}.items() if not Path(mark).exists()]


def _of_training(job: TokenizerJob | TrainingJob, store: Path, held_out: DataSplit | None) -> Iterator[UnreadSplit]:
    for data in job.tasks.values():
        few_shot = (data.used.max_examples or 0) if data.train == held_out else 0
        yield _unread(data.source, data.train, store, parallel=bool(data.used.parallel), few_shot=few_shot)
        if isinstance(job, TrainingJob) and data.validation:
            yield _unread(data.source, data.validation, store, selects=True, first=job.hyperparameters.eval_examples)


def _unread(
    source: TaskSource,
    split: DataSplit,
    store: Path,
    selects: bool = False,
    first: int | None = None,
    parallel: bool = False,
    few_shot: int = 0,
) -> UnreadSplit:
    expected = source.declared.expect.get(split.name) if source.data.expect else None
    identity = {
        "version": VERSION,
        "task": task_identity(source),
        "split": split.expression,
        "languages": split.languages,
        "selects": [selects, first],
        "parallel": parallel,
        "few_shot": few_shot,
        "expected": without_defaults(expected) if expected else None,
        "data": split.checksums,
    }
    return UnreadSplit(source, split, selects, first, parallel, few_shot, str(read_mark(store, fingerprint(identity))))
