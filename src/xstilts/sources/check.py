"""Check a source's declaration without reading its files: options, paths, columns. No torch, no datasets."""

import re
from collections.abc import Iterator, Mapping

from xstilts.errors import UserError, unknown_name
from xstilts.numbering import counted
from xstilts.sources.options import COMMON, KINDS, Option, is_column
from xstilts.sources.placeholders import OTHERS, used
from xstilts.sources.readers import reader_module, reader_names
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_names, format_of

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def options_of(reader: str) -> dict[str, Option]:
    """Return the options of a reader beside those of all readers."""
    return dict(getattr(reader_module(reader), "OPTIONS", {}))


def check_source(task: Task, name: str) -> None:
    """Raise one UserError with a line for each problem of a task's source."""
    if wrong := [f"task '{task.name}', source '{name}': {problem}" for problem in problems(task, task.sources[name])]:
        raise UserError("\n".join(wrong))


def problems(task: Task, source: Source) -> Iterator[str]:
    """Yield a line for each problem; unusable or generated sources and unknown readers are skipped."""
    if source.unusable or source.generator:
        return
    if source.hub is not None and not _HUB_ID.fullmatch(source.hub):
        yield f"hub: got '{source.hub}', expected OWNER/NAME of a data set on the Hub"
    readers = [reader for reader in dict.fromkeys([source.reader, *source.readers.values()]) if reader in reader_names()]
    if readers:
        yield from _options(source, readers)
        yield from _paths(task, source)
        yield from _columns(task, source, readers)
        yield from _unused(task, source)


def _options(source: Source, readers: list[str]) -> Iterator[str]:
    valid = COMMON | {name: option for reader in readers for name, option in options_of(reader).items()}
    for name, value in source.options.items():
        if name not in valid:
            users = [reader for reader in reader_names() if name in options_of(reader)]
            used_by = f" (it is one of {', '.join(users)})" if users else ""
            message = f"option of the reader {' or '.join(readers)}"
            yield f"{unknown_name(message, name, valid)}{used_by}"
        elif not KINDS[valid[name].kind](value):
            yield f"options.{name}: got {value!r}, expected {valid[name].kind}"
    if "header" in valid and source.options.get("header") is True and "names" in source.options:
        yield "options.header and options.names both name the columns: leave one of them out"
    for name in getattr(reader_module(readers[0]), "NEEDED", ()) if len(readers) == 1 else ():
        if name not in source.options:
            yield f"options.{name}: not set, expected {valid[name].kind}"


def _paths(task: Task, source: Source) -> Iterator[str]:
    keep = source.options.get("keep")
    by_row = isinstance(keep, dict) and any(used(str(pattern)) for pattern in keep.values())
    for part, declared in (("files", source.files), ("gold", source.gold)):
        for split, paths in declared.items():
            place = f"{part}.{split}"
            for language, path in paths.items() if isinstance(paths, Mapping) else [(None, paths)]:
                if language is not None and not isinstance(language, str):
                    yield f"{place}: got the language {language!r}, expected a text: put it in quotes"
                elif language is not None and language not in (*task.languages, OTHERS):
                    yield unknown_name(f"language in {place}", language, task.languages)
                elif not isinstance(path, str) or not path.strip():
                    yield f"{place}: got {path!r}, expected a path, or a map language: path"
                elif language is None and not used(path) and len(task.languages) > 1 and not by_row:
                    yield (
                        f"{place}: '{path}' does not say which of {counted(len(task.languages), 'language')} it holds: write "
                        f"{{language}} into the path, or a map, for instance {place}: {{{task.languages[0]}: {path}}}"
                    )
                elif part == "files" and source.readers.get(split, source.reader) in reader_names():
                    yield from _counted(place, path, source.readers.get(split, source.reader))


def _counted(place: str, path: str, reader: str) -> Iterator[str]:
    """Yield a problem if an alternative names more or fewer files than the reader takes."""
    wanted = getattr(reader_module(reader), "FILES", (1,))
    takes = " or ".join(map(str, wanted))
    for alternative in path.split("|"):
        count = len(alternative.split("&"))
        if count not in wanted:
            yield f"{place}: {counted(count, 'file')} in '{alternative.strip()}', but the reader {reader} takes {takes}"


def _columns(task: Task, source: Source, readers: list[str]) -> Iterator[str]:
    fields = [field for field in format_of(task).fields if field != "language"] if task.format in format_names() else []
    for field, column in source.columns.items():
        place = f"columns.{field}"
        if fields and field not in fields:
            yield unknown_name(f"field in columns of the format {task.format}", str(field), fields)
        elif not (is_column(column) or (isinstance(column, list) and column and all(map(is_column, column)))):
            yield f"{place}: got {column!r}, expected a column, a list of columns, or a text with columns in braces"
        elif any(isinstance(item, int) for item in (column if isinstance(column, list) else [column])):
            others = [reader for reader in readers if not hasattr(reader_module(reader), "NUMBERED")]
            if others:
                yield f"{place}: got the number {column!r}, but the columns of the reader {others[0]} have names"


def _unused(task: Task, source: Source) -> Iterator[str]:
    """Yield declarations that would have no effect."""
    for split in source.gold:
        reader = source.readers.get(split, source.reader)
        if reader in reader_names() and not hasattr(reader_module(reader), "READS_GOLD"):
            yield f"gold.{split}: the reader {reader} reads no file of gold answers: leave it out"
    for split in source.readers:
        if split not in source.files:
            yield f"readers.{split}: files has no split {split}"
    if source.revision and not source.hub:
        yield f"revision: {source.revision} is of a data set on the Hub, and the source has no hub: leave it out"
    if source.labels and task.format in format_names() and not format_of(task).gold_is_label:
        yield f"labels: examples of the format {task.format} have no labels: leave it out"
