"""List the data that a cell will read and that was not read before, to be read once before anything is trained. No torch.

A split that was read without a problem is marked in the store. The mark's name is the hash of what reading depends on, so that
data that has changed is read again, and no cell of a sweep reads what another one has read.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts import sources
from xstilts.config import DataConfig
from xstilts.jobs import EvaluationJob, Split, TokenizerJob, TrainingJob, evaluated_languages, wants_validation
from xstilts.paths import checksum_cache, read_mark
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import data_checksums, task_identity
from xstilts.tasks.declaration import Task

VERSION = 2
"""Raised when reading changes so that data which was accepted may be refused."""


def unread(training: Iterable[TokenizerJob | TrainingJob], evaluation: EvaluationJob | None, store: Path) -> list[Split]:
    """The splits that these jobs will read and that have no mark. UserError where there is nothing to evaluate on."""
    found = {split.mark: split for job in training for split in _of_training(job, store)}
    if evaluation is not None:
        task, data = evaluation.target.task, evaluation.data
        for split, languages in evaluated_languages(evaluation.target, data):
            read = _split(task, data, split, languages, store)
            found[read.mark] = read
    return [split for mark, split in found.items() if not Path(mark).exists()]


def _of_training(job: TokenizerJob | TrainingJob, store: Path) -> Iterator[Split]:
    for used in job.tasks.values():
        yield _split(used.task, job.data, used.train, used.languages, store)
        if isinstance(job, TrainingJob) and wants_validation(job):
            first = job.hyperparameters.eval_examples
            yield _split(used.task, job.data, used.validation, used.languages, store, selects=True, first=first)


def _split(
    task: Task,
    data: DataConfig,
    expression: str,
    languages: list[str],
    store: Path,
    selects: bool = False,
    first: int | None = None,
) -> Split:
    split, source = sources.parse_split(expression)[0], sources.source_name(task, data)
    expected = task.sources[source].expect.get(split) if data.expect else None
    identity = {
        "version": VERSION,
        "task": task_identity(task, source),
        "split": expression,
        "languages": languages,
        "selects": [selects, first],
        "expected": without_defaults(expected) if expected else None,
        "data": data_checksums(task, data, [split], languages, checksum_cache(store)),
    }
    return Split(task, data, expression, languages, selects, first, str(read_mark(store, fingerprint(identity))))
