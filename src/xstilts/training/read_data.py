"""Read data for its mistakes, in a worker, and collect every problem of every split. No torch."""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from datasets import Dataset

from xstilts.errors import UserError
from xstilts.jobs import ReadingJob, UnreadSplit
from xstilts.numbering import counted
from xstilts.sources.load import load
from xstilts.sources.subset import unparallel
from xstilts.store.files import write_json
from xstilts.tasks.formats import format_of


def read(job: ReadingJob) -> None:
    """Read all splits, mark those without a problem, and write down what is wrong with the others."""
    problems: dict[str, list[str]] = {}
    with _without_remarks():
        for split in job.splits:
            if found := _problems(split, Path(job.problems).with_name("read.arrow")):
                problems[split.mark] = found
            else:
                _mark(split)
    write_json(Path(job.problems), problems)


def _problems(split: UnreadSplit, file: Path) -> list[str]:
    """List what is wrong with a split, at most a line for each language. `file`: for what is needed of all examples."""
    format = format_of(split.source.task)
    fields = dict.fromkeys(
        filter(None, ["language", "id" if split.parallel else None, format.gold, *(format.candidate or ())[:1]])
    )
    try:
        found = load(split.source, split.split.expression, split.split.languages, file=file, fields=fields)
    except UserError as error:
        together = _line(error)
        alone = [_problem(split, language) for language in split.split.languages]  # reading ends at the first problem
        return list(dict.fromkeys(filter(None, alone))) or [together]
    wrong = unparallel(found, split.source.task) if split.parallel else None
    return [*([wrong] if wrong else []), *(_gold_problem(split, found) if split.selects else []), *_too_few(split, found)]


def _problem(split: UnreadSplit, language: str) -> str | None:
    try:
        load(split.source, split.split.expression, [language])
    except UserError as error:
        return _line(error)
    return None


def _line(error: UserError) -> str:
    return " ".join(str(error).splitlines())


def _gold_problem(split: UnreadSplit, found: Dataset) -> list[str]:
    """One line if no example that selects the checkpoint has gold, in any language."""
    format, counts = format_of(split.source.task), Counter[str]()
    if format.gold is None:
        return []
    for example in found.select_columns(["language", format.gold, *([format.candidate[0]] if format.candidate else [])]):
        if format.counts(example) and (split.first is None or counts[example["language"]] < split.first):
            counts[example["language"]] += 1
            if example[format.gold] is not None:
                return []
    return [
        f"task '{split.source.task.name}', {split.split.expression}: none of {counted(counts.total(), 'example')} in "
        f"{', '.join(split.split.languages)} has gold, "
        "so they cannot select a checkpoint; choose another validation split, or recipe.selection=last with eval_every=0"
    ]


def _too_few(split: UnreadSplit, found: Dataset) -> list[str]:
    """One line if there are fewer examples with gold than few-shot training takes."""
    gold = format_of(split.source.task).gold
    known = len(found) - (found[gold][:].count(None) if split.few_shot and gold else 0)
    if known >= split.few_shot:
        return []
    return [
        f"task '{split.source.task.name}', {split.split.expression}: {known} of {counted(len(found), 'example')} in "
        f"{', '.join(split.split.languages)} have gold, and target.few_shot.k={split.few_shot} takes more; "
        "choose a smaller number, or another target.few_shot.split"
    ]


def _mark(split: UnreadSplit) -> None:
    # Without a mark, in a store that cannot be written, it is read again next time.
    with contextlib.suppress(OSError, UserError):
        read = split.split
        write_json(Path(split.mark), {"task": split.source.task.name, "split": read.expression, "languages": read.languages})


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    """Log nothing while in the body: the phase that reads the data for itself will."""
    log = logging.getLogger("xstilts")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
