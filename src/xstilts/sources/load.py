"""Load a task's split in some languages as one `datasets.Dataset` in the format's schema, and check every example."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
from datasets import Dataset

from xstilts.errors import UserError, unknown_name
from xstilts.plugins import load_object
from xstilts.sources.check import check_source
from xstilts.sources.expected import check_expected, keeps
from xstilts.sources.files import TaskSource, languages_with_data, locate, place_of, require, without_gold
from xstilts.sources.labels import with_labels
from xstilts.sources.mapping import check_gold_column
from xstilts.sources.mapping import examples as map_examples
from xstilts.sources.raw import RawExample
from xstilts.sources.readers import reader_module
from xstilts.sources.splits import bounds, parse_split
from xstilts.sources.surrogates import check_surrogates
from xstilts.sources.tags import tags_among_words, undeclared, where_undeclared
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

_LOGGER = logging.getLogger("xstilts")
Example = dict[str, Any]


def _check(task: Task, rows: list[RawExample], examples: list[Example], seen: dict[str, str]) -> None:
    """Raise a UserError for the first example that breaks the format's invariants or repeats an id."""
    problem = format_of(task).problem
    for row, example in zip(rows, examples, strict=True):
        check_surrogates(example, row.where)
        if message := problem(example, task.labels):
            raise UserError(f"{where_undeclared(task, row, example)}: {message}{undeclared(task, examples)}")
        if example["id"] in seen:
            raise UserError(
                f"{row.where}: id '{example['id']}' was used at {seen[example['id']]} already; "
                "if the split's ids are not unique, list it in the source's positional_ids"
            )
        seen[example["id"]] = row.where


def _with_gold(task: Task, split: str, language: str, examples: list[Example]) -> list[Example]:
    """Drop training examples without gold and log their number."""
    format = format_of(task)
    if split != "train" or format.gold is None:
        return examples
    kept = [example for example in examples if example[format.gold] is not None or not format.counts(example)]
    if len(kept) < len(examples):
        left_out = len(examples) - len(kept)
        _LOGGER.info("%s, train, %s: left out %d of %d examples without gold", task.name, language, left_out, len(examples))
    if not any(map(format.counts, kept)):
        raise UserError(f"task '{task.name}': no example of the train split in '{language}' has gold; nothing to train on")
    return kept


def _lacks_gold(format: Format, examples: list[Example]) -> bool:
    gold = format.gold
    return gold is not None and all(example[gold] is None for example in examples if format.counts(example))


def _take(format: Format, examples: list[Example], start: int, stop: int) -> list[Example]:
    """Return the examples `start` to `stop`; for retrieval, these queries and all candidates."""
    counted = [number for number, example in enumerate(examples) if format.counts(example)][start:stop]
    chosen = set(counted)
    return [example for number, example in enumerate(examples) if number in chosen or not format.counts(example)]


def _read(source: TaskSource, split: str, language: str, seen: dict[str, str]) -> list[Example]:
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
    rows = [
        row for part in _parts(files) for row in reader.read(part, declared, split, language) if keeps(row, declared, language)
    ]
    if not rows:
        none, place = "no row fits options.keep" if declared.options.get("keep") else "no row", next(iter(files.values()))
        raise UserError(f"{place}: {none}, expected {split} data of task '{task.name}' in '{language}'")
    examples = map_examples(rows, format_of(task), declared, split, language)
    if split == "train":
        check_gold_column(rows, format_of(task), declared)
    if reason := tags_among_words(task, declared, examples):
        raise UserError(f"{rows[0].where}: {reason}")
    if source.data.expect:
        check_expected(task, declared, split, language, examples)
    if check := format_of(task).check_answers:
        rows, examples = load_object(check)(f"{task.name}, {split}, {language}", rows, examples, training=split == "train")
    _check(task, rows, examples, seen)
    return examples


def _pool(source: TaskSource, split: str, language: str, seen: dict[str, str]) -> list[Example]:
    """Read the candidates that all languages share, if the reader has a `pool`; they are added to the first language."""
    declared = source.declared
    pool = getattr(reader_module(declared.readers.get(split, declared.reader)), "pool", None)
    rows = list(pool(require(source, split, language), declared, split)) if pool else []
    examples = map_examples(rows, format_of(source.task), declared, split, language)
    _check(source.task, rows, examples, seen)
    return examples


def _parts(files: dict[str, Path]) -> list[dict[str, Path]]:
    """Split the files into one set per part of the data: readers read one part at a time."""
    rest = {role: path for role, path in files.items() if not role.startswith("data.")}
    return [rest, *({**rest, "data": path} for role, path in files.items() if role not in rest)]


def load(source: TaskSource, split_expression: str, languages: Iterable[str], max_examples: int | None = None) -> Dataset:
    """Load a split, or a part of it, in the format's schema: language after language in the given order.

    `split_expression` is as in `xstilts.sources.parse_split`; parts are taken per language. `max_examples` keeps the first
    examples of each language (for retrieval, queries; all candidates stay). In the split `train`, examples without gold are left
    out. Raises UserError, naming file and line or id, for anything wrong with the data.
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
            read[language] = _read(source, split, language, seen)
        if format.candidate:
            read[wanted[0]] += _pool(source, split, wanted[0], seen)
        link = getattr(reader_module(declared.readers.get(split, declared.reader)), "link", None)
        if link:
            link([example for examples in read.values() for example in examples])
        for language, examples in read.items():
            lacking += [language] if _lacks_gold(format, examples) else []
            examples = _with_gold(task, split, language, examples)
            start, stop = bounds(sum(map(format.counts, examples)), from_percent, to_percent)
            stop = stop if max_examples is None else min(stop, start + max_examples)
            if start >= stop:
                raise UserError(f"'{split_expression}' of task '{task.name}' has no example in '{language}'; take a larger part")
            chosen = _take(format, examples, start, stop)
            columns = {name: [example[name] for example in chosen] for name in format.fields}
            tables.append(pyarrow.table(columns, schema=format.features.arrow_schema))  # faster than Dataset.from_dict
    if lacking and split != "train":
        _LOGGER.info("%s, %s: no gold in %s: predictions without a score", task.name, split, " ".join(lacking))
    return Dataset(pyarrow.concat_tables(tables))
