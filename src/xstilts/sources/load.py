"""Load a task's split in some languages as one `datasets.Dataset` in the format's schema, and check every example.

Examples are read, checked and passed on in chunks, so that with a file for them the memory does not grow with their number, but
for 9 bytes of each. Whole languages are held of formats whose answers are searched, such as span_qa, and all languages of readers
that join them (`link`).
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow
from datasets import Dataset, Features

from xstilts.errors import UserError, tell, unknown_name
from xstilts.plugins import load_object
from xstilts.sources.arrow_file import TableWriter
from xstilts.sources.check import check_source
from xstilts.sources.expected import Expected, kept
from xstilts.sources.files import TaskSource, languages_with_data, locate, place_of, require, without_gold
from xstilts.sources.labels import with_labels
from xstilts.sources.mapping import examples as map_examples
from xstilts.sources.mapping import gold_column_problem, has_gold, identifier
from xstilts.sources.raw import RawExample, readable
from xstilts.sources.readers import reader_module
from xstilts.sources.seen import SeenIds
from xstilts.sources.splits import bounds, parse_split
from xstilts.sources.surrogates import check_surrogates
from xstilts.sources.tags import TagsAmongWords, is_undeclared, undeclared, where_undeclared
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of

_LOGGER = logging.getLogger("xstilts")


class NoRows(UserError):
    """A file has no row of a language."""


Example = dict[str, Any]
CHUNK = 5000
"""Rows that are held as Python's objects, which take ten times the memory of their text; twice as many while they are read."""


@dataclass
class _Rows:
    """Rows of one language, which can be read more than once, and their checks."""

    source: TaskSource
    split: str
    language: str
    read: Callable[[list[str] | None], Iterator[RawExample]]
    """Reads them; lines that cannot be read are raised, or added to the list."""
    problems: list[str] | None
    keep_gold: bool = True
    labels_told: bool = False
    first: RawExample | None = None
    """The first row, once it was read."""

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield the id and the place of every row that has an id."""
        for number, row in enumerate(self.read([])):
            with suppress(UserError):
                yield identifier(row, number, self.source.declared, self.split), row.where

    def mapped(self, size: int | None, problems: list[str] | None) -> Iterator[tuple[list[RawExample], list[Example], bool]]:
        """Yield rows and their examples in chunks of `size` (None: all at once), and whether the chunk is the last."""
        format, declared, first = format_of(self.source.task), self.source.declared, 0
        for rows, last in _chunks(self.read(problems), size):
            self.first = self.first or next(iter(rows), None)
            found = map_examples(rows, format, declared, self.split, self.language, problems, first, self.keep_gold)
            first += len(rows)
            yield *found, last

    def checked(self, rows: list[RawExample], examples: list[Example], seen: SeenIds) -> list[Example]:
        """Return the examples that keep the format's invariants and repeat no id; the others are problems.

        Labels that the task does not declare are one problem, which names all of them.
        """
        task, problem, good = self.source.task, format_of(self.source.task).problem, []
        repeated = seen.add([example["id"] for example in examples])
        for number, (row, example) in enumerate(zip(rows, examples, strict=True)):
            check_surrogates(example, row.where)
            if message := problem(example, task.labels):
                if not (unknown := is_undeclared(task, example)):
                    tell(f"{row.where}: {message}", self.problems)
                elif not self.labels_told:
                    every = chain.from_iterable(examples for _, examples, _ in self.mapped(CHUNK, []))
                    tell(f"{where_undeclared(task, row, example)}: {message}{undeclared(task, every)}", self.problems)
                self.labels_told = self.labels_told or unknown
            elif number in repeated:
                tell(
                    f"{row.where}: id '{example['id']}' was used at {repeated[number]} already; "
                    "if the split's ids are not unique, list it in the source's positional_ids",
                    self.problems,
                )
            else:
                good.append(example)
        return good


def _chunks(rows: Iterator[RawExample], size: int | None) -> Iterator[tuple[list[RawExample], bool]]:
    """Yield lists of `size` rows (None: all), and whether the list is the last. Without rows, one empty list."""
    chunk = list(islice(rows, size))
    while following := list(islice(rows, size)):
        yield chunk, False
        chunk = following
    yield chunk, True


def _read(source: TaskSource, split: str, language: str, seen: SeenIds, problems: list[str] | None) -> Iterator[list[Example]]:
    """Read and check all examples of one language; yield them in chunks."""
    task, declared, format = source.task, source.declared, format_of(source.task)
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
    part = _Rows(source, split, language, partial(_rows_of, source, files, split, language), problems)
    part.keep_gold = has_gold(part.read([]), declared, split, format)
    seen.sources.append(part.places)
    check_answers = load_object(format.check_answers) if format.check_answers else None
    tags, expected, without_column = TagsAmongWords(task, declared), Expected(task, declared, split, language), []
    before = len(problems or ())
    for rows, examples, last in part.mapped(None if check_answers else CHUNK, problems):
        if part.first is None and len(problems or ()) > before:
            return
        if part.first is None:
            none, place = "no row fits options.keep" if declared.options.get("keep") else "no row", next(iter(files.values()))
            raise NoRows(f"{place}: {none}, expected {split} data of task '{task.name}' in '{language}'")
        without_column.append(gold_column_problem(rows, format, declared))
        tags.add(examples)
        expected.add(examples)
        if last:
            if split == "train" and all(without_column):
                raise UserError(without_column[0])
            if reason := tags.problem():
                raise UserError(f"{part.first.where}: {reason}")
            if source.data.expect and not problems:  # with problems, rows are missing
                expected.check()
        if check_answers:
            name = f"{task.name}, {split}, {language}"
            rows, examples = check_answers(name, rows, examples, training=split == "train", problems=problems)
        yield part.checked(rows, examples, seen)


def _rows_of(
    source: TaskSource, files: dict[str, Path], split: str, language: str, problems: list[str] | None
) -> Iterator[RawExample]:
    """Yield the rows of the files that belong to the language."""
    reader, declared = _reader(source, split), source.declared
    try:
        for part in _parts(files):
            yield from readable(kept(reader.read(part, declared, split, language), declared, language), problems)
    except UserError as error:  # the rest cannot be read
        tell(str(error), problems)


def _pool(source: TaskSource, split: str, language: str, seen: SeenIds, problems: list[str] | None) -> Iterator[list[Example]]:
    """Read the candidates that all languages share, if the reader has a `pool`; they are added to the first language."""
    if pool := getattr(_reader(source, split), "pool", None):
        files = require(source, split, language)
        part = _Rows(source, split, language, lambda _: iter(pool(files, source.declared, split)), problems)
        seen.sources.append(part.places)
        for rows, examples, _ in part.mapped(CHUNK, problems):
            yield part.checked(rows, examples, seen)


def _reader(source: TaskSource, split: str) -> ModuleType:
    return reader_module(source.declared.readers.get(split, source.declared.reader))


def _parts(files: dict[str, Path]) -> list[dict[str, Path]]:
    """Split the files into one set per part of the data: readers read one part at a time."""
    rest = {role: path for role, path in files.items() if not role.startswith("data.")}
    return [rest, *({**rest, "data": path} for role, path in files.items() if role not in rest)]


def _languages(
    source: TaskSource, split: str, wanted: list[str], problems: list[str] | None
) -> Iterator[tuple[str, Iterable[list[Example]]]]:
    """Yield every language and its examples in chunks. An id is unique in a language, that of a query or candidate in all."""
    joined, seen = format_of(source.task).candidate is not None, SeenIds()
    for language in wanted:
        seen = seen if joined else SeenIds()
        chunks = _read(source, split, language, seen, problems)
        with_pool = joined and language == wanted[0]
        yield language, chain(chunks, _pool(source, split, language, seen, problems)) if with_pool else chunks


def _linked(
    parts: Iterable[tuple[str, Iterable[list[Example]]]], link: Callable[[list[Example]], None]
) -> Iterator[tuple[str, Iterable[list[Example]]]]:
    """Join the examples of all languages, which are held in memory for that."""
    read = [(language, list(chain.from_iterable(chunks))) for language, chunks in parts]
    link([example for _, examples in read for example in examples])
    yield from ((language, [examples]) for language, examples in read)


@dataclass
class _Language:
    """Counts the examples of one language, and drops those without gold from its training data."""

    task: Task
    split: str
    language: str
    examples: int = 0
    counted: int = 0
    with_gold: int = 0

    def kept(self, examples: list[Example]) -> list[Example]:
        """Return the examples of a chunk that stay."""
        format = format_of(self.task)
        counted = [example for example in examples if format.counts(example)]
        with_gold = [example for example in counted if format.gold is not None and example[format.gold] is not None]
        self.examples += len(examples)
        self.counted += len(counted)
        self.with_gold += len(with_gold)
        if self.split != "train" or format.gold is None or len(with_gold) == len(counted):
            return examples
        return [example for example in examples if example[format.gold] is not None or not format.counts(example)]

    def lacks_gold(self) -> bool:
        """Return whether no example has gold, where examples may have it."""
        return format_of(self.task).gold is not None and self.counted > 0 and not self.with_gold

    def check(self) -> None:
        """Log how many training examples were dropped. Raises UserError if that are all of them."""
        if self.split != "train" or format_of(self.task).gold is None:
            return
        if left_out := self.counted - self.with_gold:
            place = f"{self.task.name}, train, {self.language}"
            _LOGGER.info("%s: left out %d of %d examples without gold", place, left_out, self.examples)
        if self.examples and not self.with_gold:
            raise UserError(
                f"task '{self.task.name}': no example of the train split in '{self.language}' has gold; nothing to train on"
            )


def load(
    source: TaskSource,
    split_expression: str,
    languages: Iterable[str],
    max_examples: int | None = None,
    problems: list[str] | None = None,
    *,
    file: Path | None = None,
    fields: Collection[str] | None = None,
) -> Dataset:
    """Load a split, or a part of it, in the format's schema: language after language in the given order.

    `split_expression` is as in `xstilts.sources.parse_split`; parts are taken per language. `max_examples` keeps the first
    examples of each language (for retrieval, queries; all candidates stay). In the split `train`, examples without gold are left
    out. Raises UserError, naming file and line or id, for anything wrong with the data. With a list `problems`, those of single
    rows are added to it instead, each as one line, and these rows are left out.
    All examples are kept in `file` and mapped, or without it in memory. `fields`: the fields to keep, one or more; None: all.
    """
    split, from_percent, to_percent = parse_split(split_expression)
    task, wanted = source.task, list(languages)
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

    link = getattr(_reader(source, split), "link", None) if format.candidate else None
    parts = _languages(source, split, wanted, problems)
    schema = Features({name: format.features[name] for name in fields or format.features}).arrow_schema
    lacking: list[str] = []
    chosen: list[np.ndarray] = []
    with TableWriter(schema, file) as writer:
        for language, chunks in _linked(parts, link) if link else parts:
            read, counted = _Language(task, split, language), [np.zeros(0, dtype=bool)]
            for examples in map(read.kept, chunks):
                counted.append(np.fromiter(map(format.counts, examples), dtype=bool, count=len(examples)))
                columns = {name: [example[name] for example in examples] for name in schema.names}
                writer.add(pyarrow.table(columns, schema=schema))  # faster than Dataset.from_dict
            read.check()
            lacking += [language] if read.lacks_gold() else []
            counted_N = np.concatenate(counted)
            start, stop = bounds(int(counted_N.sum()), from_percent, to_percent)
            stop = stop if max_examples is None else min(stop, start + max_examples)
            if start >= stop and not problems:
                raise UserError(f"'{split_expression}' of task '{task.name}' has no example in '{language}'; take a larger part")
            number_N = np.cumsum(counted_N)
            chosen.append(~counted_N | ((start < number_N) & (number_N <= stop)))
    if lacking and split != "train":
        _LOGGER.info("%s, %s: no gold in %s: predictions without a score", task.name, split, " ".join(lacking))
    chosen_N = np.concatenate(chosen)
    found = writer.dataset()
    return found if chosen_N.all() else found.select(np.flatnonzero(chosen_N))
