"""A task's declaration: do its format, metrics, labels, splits and source fit each other?"""

from collections.abc import Iterable, Iterator, Sequence

from xstilts import sources
from xstilts.errors import UserError, unknown_name
from xstilts.metrics import check_labels, check_language, kind_of, metric_names
from xstilts.paths import name_problem, task_name_problem
from xstilts.sources.readers import formats_read, reader_names
from xstilts.tasks.declaration import SPLITS, Source, Task
from xstilts.tasks.formats import format_names, format_of, formats


def task_problems(task: Task, source: sources.TaskSource | None, source_problem: str = "") -> Iterator[str]:
    """One line for each thing in the declaration that cannot be right. `source_problem`: the reason why there is no source."""
    place = f"task {task.name}"
    if problem := task_name_problem(task.name):
        yield f"task name: {problem}"
    if task.head is not None and (problem := task_name_problem(task.head)):
        yield f"{place}: head: {problem}"
    yield from _languages(place, task)
    if task.format in format_names():  # another one is shown beside its field
        yield from _labels(place, task)
        yield from _protocol(place, task)
        if not task.evaluate and format_of(task).gold:  # text is trained on alone
            yield f"{place}: evaluate: got no split, expected one or more of {', '.join(SPLITS)}"
    yield from _metrics(place, task)
    if source is None:
        yield source_problem
    else:
        yield from _source(f"{place}: sources.{source.name}", source.declared, task)


def language_problems(place: str, chosen: Sequence[str] | None, task: Task) -> Iterator[str]:
    """Languages that a user chose of a task's: known ones, and one at least. None: no choice was made."""
    if chosen is not None and not chosen:
        yield f"{place}: got no language, expected one or more of {', '.join(task.languages)}"
    own_text = task.format in format_names() and format_of(task).masks
    how = f"For text in another language type {place.removesuffix('languages')}task.languages=[...] too." if own_text else ""
    for language in chosen or []:
        if language not in task.languages:
            yield unknown_name(f"language in {place}", language, task.languages, how)


def metric_problems(task: Task, languages: Sequence[str]) -> Iterator[str]:
    """Languages that a metric of the task has no rules for."""
    for metric in task.metrics:
        for language in languages:
            if metric not in metric_names() or language not in task.languages:
                continue  # shown elsewhere
            try:
                check_language(metric, language)
            except UserError as error:
                yield f"task {task.name}: {error}"


def _languages(place: str, task: Task) -> Iterator[str]:
    if not task.languages:
        yield f"{place} declares no languages: expected one or more codes, such as [en, de]"
    for language in task.languages:
        if problem := name_problem(language):
            yield f"{place}: languages: {problem}"


def _labels(place: str, task: Task) -> Iterator[str]:
    fewest = format_of(task).fewest_labels
    if fewest and not task.labels and task.labels_file is None:
        yield f"{place} declares no labels: the format {task.format} needs them, such as [negative, positive]"
    if "" in task.labels:
        yield f"{place}: labels: got an empty label; an example without gold has none"
    if 0 < len(task.labels) < fewest:
        yield f"{place}: labels: got {task.labels}, expected two or more"


def _protocol(place: str, task: Task) -> Iterator[str]:
    protocols = format_of(task).protocols
    if protocols and task.protocol is None:
        yield f"{place}: a {task.format} task needs a protocol: expected one of {', '.join(protocols)}"
    elif task.protocol is not None and task.protocol not in protocols:
        yield unknown_name(f"protocol of {place}", task.protocol, protocols)


def _metrics(place: str, task: Task) -> Iterator[str]:
    if not task.metrics:
        yield f"{place} declares no metrics: expected one or more of {', '.join(metric_names())}"
    for metric in task.metrics:
        if metric not in metric_names():
            yield unknown_name(f"metric of {place}", metric, metric_names())
        elif task.format in format_names():
            yield from _metric(place, task, metric)


def _metric(place: str, task: Task, metric: str) -> Iterator[str]:
    format, kind = format_of(task), kind_of(metric)
    if kind not in (kinds := format.kinds(task.protocol)):
        fitting = ", ".join(name for name in metric_names() if kind_of(name) in kinds)
        if kind in format.kinds(None):
            yield f"{place}: the metric {metric} does not score the protocol {task.protocol}, expected one of {fitting}"
        else:
            of = " or ".join(name for name, other in formats().items() if kind in other.kinds(None)) or "another package"
            yield f"{place}: the metric {metric} is of the format {of}, expected for {task.format}: {fitting or 'none'}"
        return
    try:
        check_labels(metric, task.labels)
    except UserError as error:
        yield f"{place}: the metric {metric} {error}"


def _source(place: str, source: Source, task: Task) -> Iterator[str]:
    readers = {"": source.reader} | source.readers if source.generator is None else {}
    for split, reader in readers.items():
        name = f"{place}.readers.{split}" if split else f"{place}.reader"
        if reader not in reader_names():
            yield unknown_name(name, reader, reader_names())
        elif (read := formats_read(reader)) and task.format in format_names() and task.format not in read:
            yield f"{name}: {reader} reads the format {' or '.join(read)}, and the task has the format {task.format}"
    for field in ("files", "gold", "readers", "expect"):
        yield from _splits(f"{place}.{field}", getattr(source, field))
    if source.generator is not None:
        yield from _splits(f"{place}.generator.rows", source.generator.rows)
    elif not source.files:
        yield f"{place}.files names no file: expected a path for each split, such as train: {task.name}/train-{{language}}.tsv"
    yield from (f"{place}: {problem}" for problem in sources.problems(task, source))
    if task.labels and task.format in format_names() and format_of(task).fewest_labels:
        for written, label in source.labels.items():
            if label and label not in task.labels:
                yield unknown_name(f"label in {place}.labels.{written}", label, task.labels)
    for split, expected in source.expect.items():
        for label in expected.labels:
            if label and task.labels and label not in task.labels:
                yield unknown_name(f"label in {place}.expect.{split}.labels", label, task.labels)
        for language in expected.rows:
            if language != "*" and language not in task.languages:
                yield unknown_name(f"language in {place}.expect.{split}.rows", language, task.languages)


def _splits(place: str, table: Iterable[str]) -> Iterator[str]:
    for split in table:
        if split not in SPLITS:
            yield unknown_name(f"split in {place}", split, SPLITS)
