"""Load a task's split in some languages as one `datasets.Dataset` in the format's schema, and check every example."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
from datasets import Dataset

from xstilts.errors import UserError, tell, unknown_name
from xstilts.plugins import load_object
from xstilts.sources.check import check_source
from xstilts.sources.expected import check_expected, kept
from xstilts.sources.files import TaskSource, languages_with_data, locate, place_of, require, without_gold
from xstilts.sources.labels import with_labels
from xstilts.sources.mapping import check_gold_column
from xstilts.sources.mapping import examples as map_examples
from xstilts.sources.raw import RawExample, readable
from xstilts.sources.readers import reader_module
from xstilts.sources.splits import bounds, parse_split
from xstilts.sources.surrogates import check_surrogates
from xstilts.sources.tags import is_undeclared, tags_among_words, undeclared, where_undeclared
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

_LOGGER = logging.getLogger("xstilts")


class NoRows(UserError):
    """A file has no row of a language."""


Example = dict[str, Any]


def _checked(
    task: Task, rows: list[RawExample], examples: list[Example], seen: dict[str, str], problems: list[str] | None
) -> list[Example]:
    """Return the examples that keep the format's invariants and repeat no id; the others are problems.

    Labels that the task does not declare are one problem, which names all of them.
    """
    problem, good, labels_told = format_of(task).problem, [], False
    for row, example in zip(rows, examples, strict=True):
        check_surrogates(example, row.where)
        if message := problem(example, task.labels):
            if not (unknown := is_undeclared(task, example)):
                tell(f"{row.where}: {message}", problems)
            elif not labels_told:
                tell(f"{where_undeclared(task, row, example)}: {message}{undeclared(task, examples)}", problems)
            labels_told = labels_told or unknown
        elif example["id"] in seen:
            tell(
                f"{row.where}: id '{example['id']}' was used at {seen[example['id']]} already; "
                "if the split's ids are not unique, list it in the source's positional_ids",
                problems,
            )
        else:
            seen[example["id"]] = row.where
            good.append(example)
    return good


def _with_gold(task: Task, split: str, language: str, examples: list[Example]) -> list[Example]:
    """Drop training examples without gold and log their number."""
    format = format_of(task)
    if split != "train" or format.gold is None:
        return examples
    kept = [example for example in examples if example[format.gold] is not None or not format.counts(example)]
    if len(kept) < len(examples):
        left_out = len(examples) - len(kept)
        _LOGGER.info("%s, train, %s: left out %d of %d examples without gold", task.name, language, left_out, len(examples))
    if examples and not any(map(format.counts, kept)):
        raise UserError(f"task '{task.name}': no example of the train split in '{language}' has gold; nothing to train on")
    return kept


def _lacks_gold(format: Format, examples: list[Example]) -> bool:
    gold = format.gold
    found = [example[gold] for example in examples if format.counts(example)] if gold is not None else []
    return found != [] and all(value is None for value in found)


def _take(format: Format, examples: list[Example], start: int, stop: int) -> list[Example]:
    """Return the examples `start` to `stop`; for retrieval, these queries and all candidates."""
    counted = [number for number, example in enumerate(examples) if format.counts(example)][start:stop]
    chosen = set(counted)
    return [example for number, example in enumerate(examples) if number in chosen or not format.counts(example)]


def _read(source: TaskSource, split: str, language: str, seen: dict[str, str], problems: list[str] | None) -> list[Example]:
    """Read and check all examples of one language."""
    task, declared = source.task, source.declared
    if split in declared.files and language in task.languages and not locate(source, split, language):
        have = languages_with_data(source, split)
        if have and language not in have:
            raise UserError(
                f"no {split} data of task '{task.name}' in language '{language}' {place_of(source)}; "
                f"languages that have it: {', '.join(have)}"
            )
    files = require(source, split, language)
    if why := without_gold(source, split, [language]):
        raise UserError(why)
    reader = reader_module(declared.readers.get(split, declared.reader))
    before = len(problems or ())
    rows: list[RawExample] = []
    try:
        for part in _parts(files):
            found = reader.read(part, declared, split, language)
            rows += readable(kept(found, declared, language), problems)
    except UserError as error:  # the rest cannot be read
        tell(str(error), problems)
    if not rows and len(problems or ()) > before:
        return []
    if not rows:
        none, place = "no row fits options.keep" if declared.options.get("keep") else "no row", next(iter(files.values()))
        raise NoRows(f"{place}: {none}, expected {split} data of task '{task.name}' in '{language}'")
    rows, examples = map_examples(rows, format_of(task), declared, split, language, problems)
    if split == "train":
        check_gold_column(rows, format_of(task), declared)
    if reason := tags_among_words(task, declared, examples):
        raise UserError(f"{rows[0].where}: {reason}")
    if source.data.expect and not problems:  # with problems, rows are missing
        check_expected(task, declared, split, language, examples)
    if check := format_of(task).check_answers:
        name = f"{task.name}, {split}, {language}"
        rows, examples = load_object(check)(name, rows, examples, training=split == "train", problems=problems)
    return _checked(task, rows, examples, seen, problems)


def _pool(source: TaskSource, split: str, language: str, seen: dict[str, str], problems: list[str] | None) -> list[Example]:
    """Read the candidates that all languages share, if the reader has a `pool`; they are added to the first language."""
    declared = source.declared
    pool = getattr(reader_module(declared.readers.get(split, declared.reader)), "pool", None)
    rows = list(pool(require(source, split, language), declared, split)) if pool else []
    rows, examples = map_examples(rows, format_of(source.task), declared, split, language, problems)
    return _checked(source.task, rows, examples, seen, problems)


def _parts(files: dict[str, Path]) -> list[dict[str, Path]]:
    """Split the files into one set per part of the data: readers read one part at a time."""
    rest = {role: path for role, path in files.items() if not role.startswith("data.")}
    return [rest, *({**rest, "data": path} for role, path in files.items() if role not in rest)]


def load(
    source: TaskSource,
    split_expression: str,
    languages: Iterable[str],
    max_examples: int | None = None,
    problems: list[str] | None = None,
) -> Dataset:
    """Load a split, or a part of it, in the format's schema: language after language in the given order.

    `split_expression` is as in `xstilts.sources.parse_split`; parts are taken per language. `max_examples` keeps the first
    examples of each language (for retrieval, queries; all candidates stay). In the split `train`, examples without gold are left
    out. Raises UserError, naming file and line or id, for anything wrong with the data. With a list `problems`, those of single
    rows are added to it instead, each as one line, and these rows are left out.
    """
    split, from_percent, to_percent = parse_split(split_expression)
    task, declared, wanted = source.task, source.declared, list(languages)
    if max_examples is not None and max_examples < 1:
        raise UserError(f"max_examples={max_examples}: expected 1 or more, or null for all")
    if not wanted or len(set(wanted)) < len(wanted):
        raise UserError(f"task '{task.name}': expected one or more languages, each once, got {', '.join(wanted) or 'none'}")
    for language in wanted:
        if language not in task.languages:
            raise UserError(unknown_name(f"language of task '{task.name}'", language, task.languages))
    task = with_labels(task, source.data)
    source, format = replace(source, task=task), format_of(task)
    check_source(task, source.name)

    tables: list[pyarrow.Table] = []
    lacking: list[str] = []
    # Candidates of one language may answer queries of another. Else one language is read at a time, because Arrow takes less
    # memory than Python's objects.
    for together in [wanted] if format.candidate else [[language] for language in wanted]:
        read: dict[str, list[Example]] = {}
        seen: dict[str, str] = {}
        for language in together:
            read[language] = _read(source, split, language, seen, problems)
        if format.candidate:
            read[wanted[0]] += _pool(source, split, wanted[0], seen, problems)
        link = getattr(reader_module(declared.readers.get(split, declared.reader)), "link", None)
        if link:
            link([example for examples in read.values() for example in examples])
        for language, examples in read.items():
            lacking += [language] if _lacks_gold(format, examples) else []
            examples = _with_gold(task, split, language, examples)
            start, stop = bounds(sum(map(format.counts, examples)), from_percent, to_percent)
            stop = stop if max_examples is None else min(stop, start + max_examples)
            if start >= stop and not problems:
                raise UserError(f"'{split_expression}' of task '{task.name}' has no example in '{language}'; take a larger part")
            chosen = _take(format, examples, start, stop)
            columns = {name: [example[name] for example in chosen] for name in format.fields}
            tables.append(pyarrow.table(columns, schema=format.features.arrow_schema))  # faster than Dataset.from_dict
    if lacking and split != "train":
        _LOGGER.info("%s, %s: no gold in %s: predictions without a score", task.name, split, " ".join(lacking))
    return Dataset(pyarrow.concat_tables(tables))
