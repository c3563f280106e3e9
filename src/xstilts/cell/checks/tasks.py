"""A task's declaration: do its format, metrics, labels, splits and source fit each other?"""

from collections.abc import Iterable, Iterator, Sequence

from xstilts import sources
from xstilts.config import DataConfig
from xstilts.errors import UserError, unknown_name
from xstilts.metrics import METRICS, check_language, formats_of, of_protocol
from xstilts.paths import name_problem, task_name_problem
from xstilts.sources.readers import READERS
from xstilts.tasks.declaration import FORMATS, PROTOCOLS, SPLITS, Source, Task

LABELLED = ("classification", "tagging")
"""Formats whose head has an output for each label of the declaration."""


def task_problems(task: Task, data: DataConfig) -> Iterator[str]:
    """One line for each thing in the declaration that cannot be right, with the source that `data` chooses."""
    place = f"task {task.name}"
    if problem := task_name_problem(task.name):
        yield f"task name: {problem}"
    yield from _languages(place, task)
    yield from _labels(place, task)
    yield from _metrics(place, task)
    if task.format == "retrieval" and task.protocol is None:
        yield f"{place}: a retrieval task needs a protocol: expected one of {', '.join(PROTOCOLS)}"
    if not task.evaluate and task.format != "mlm":  # text is trained on alone
        yield f"{place}: evaluate: got no split, expected one or more of {', '.join(SPLITS)}"
    name = sources.source_name(task, data)
    if name not in task.sources:
        yield unknown_name(f"source of {place}", name, task.sources, f"It is chosen by data={name}.")
    elif task.sources[name].unusable:
        yield f"task {task.name} cannot be read from data={name}: {task.sources[name].unusable}"
    else:
        yield from _source(f"{place}: sources.{name}", task.sources[name], task)


def language_problems(place: str, chosen: Sequence[str] | None, task: Task) -> Iterator[str]:
    """Languages that a user chose of a task's: known ones, and one at least. None: no choice was made."""
    if chosen is not None and not chosen:
        yield f"{place}: got no language, expected one or more of {', '.join(task.languages)}"
    for language in chosen or []:
        if language not in task.languages:
            yield unknown_name(f"language in {place}", language, task.languages)


def metric_problems(task: Task, languages: Sequence[str]) -> Iterator[str]:
    """Languages that a metric of the task has no rules for."""
    for metric in task.metrics:
        for language in languages:
            if metric not in METRICS or language not in task.languages:
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
    if task.format in LABELLED and not task.labels and task.labels_file is None:
        yield f"{place} declares no labels: the format {task.format} needs them, such as [negative, positive]"
    if "" in task.labels:
        yield f"{place}: labels: got an empty label; an example without gold has none"
    if task.format == "classification" and len(task.labels) == 1:
        yield f"{place}: labels: got {task.labels}, expected two or more"


def _metrics(place: str, task: Task) -> Iterator[str]:
    if not task.metrics:
        yield f"{place} declares no metrics: expected one or more of {', '.join(METRICS)}"
    for metric in task.metrics:
        if metric not in METRICS:
            yield unknown_name(f"metric of {place}", metric, METRICS)
        elif task.format in FORMATS and task.format not in formats_of(metric):
            fitting = ", ".join(name for name in METRICS if task.format in formats_of(name))
            of = " or ".join(formats_of(metric))
            yield f"{place}: the metric {metric} is of the format {of}, expected for {task.format}: {fitting}"
        elif task.protocol in PROTOCOLS and task.format == "retrieval" and metric not in of_protocol(task.protocol):
            fitting = ", ".join(of_protocol(task.protocol))
            yield f"{place}: the metric {metric} does not score the protocol {task.protocol}, expected one of {fitting}"
        elif metric == "tagging_f1" and (taken := [tag for tag in task.labels if tag != "O" and tag.startswith("O")]):
            yield (
                f"{place}: the metric {metric} takes every tag that begins with O for O, {', '.join(taken)} too: write "
                f"B-{taken[0]} and I-{taken[0]} in labels, and map the data's tags in the source, or choose token_accuracy"
            )


def _source(place: str, source: Source, task: Task) -> Iterator[str]:
    readers = {"": source.reader} | source.readers if source.generator is None else {}
    for split, reader in readers.items():
        name = f"{place}.readers.{split}" if split else f"{place}.reader"
        if reader not in READERS:
            yield unknown_name(name, reader, READERS)
        elif READERS[reader] and task.format in FORMATS and task.format not in READERS[reader]:
            yield f"{name}: {reader} reads the format {' or '.join(READERS[reader])}, and the task has the format {task.format}"
    for field in ("files", "gold", "readers", "expect"):
        yield from _splits(f"{place}.{field}", getattr(source, field))
    if source.generator is not None:
        yield from _splits(f"{place}.generator.rows", source.generator.rows)
    elif not source.files:
        yield f"{place}.files names no file: expected a path for each split, such as train: {task.name}/train-{{language}}.tsv"
    yield from (f"{place}: {problem}" for problem in sources.problems(task, source))
    if task.format in LABELLED and task.labels:
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
