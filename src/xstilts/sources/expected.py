"""Select the rows of a file that belong to a language, and compare their number and labels with the task's declaration."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.mapping import present
from xstilts.sources.placeholders import fill
from xstilts.sources.raw import RawExample
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of


def kept(rows: Iterable[RawExample | UserError], source: Source, language: str) -> Iterator[RawExample | UserError]:
    """Yield the rows whose columns in the option `keep` match their patterns, and a UserError for one without such a column."""
    for row in rows:
        try:
            if isinstance(row, UserError) or _matches(row, source, language):
                yield row
        except UserError as error:
            yield error


def _matches(row: RawExample, source: Source, language: str) -> bool:
    for column, pattern in source.options.get("keep", {}).items():
        wanted = fill(pattern, language)
        if wanted is None or not fnmatchcase(str(present(row, column, " (options.keep)")), wanted):
            return False
    return True


def check_expected(task: Task, source: Source, split: str, language: str, examples: list[dict[str, Any]]) -> None:
    """Compare the examples of one split and language with `Source.expect`. Raises UserError at the first difference."""
    expected = source.expect.get(split)
    if expected is None:
        return
    format = format_of(task)
    counted = [example for example in examples if format.counts(example)]
    place = f"from {source.hub} at revision {source.revision or 'main'}" if source.hub else "from files"
    where = f"task '{task.name}', {split}, '{language}', {place}"
    rows = expected.rows.get(language, expected.rows.get("*"))
    if rows is not None and rows != len(counted):
        raise UserError(f"{where}: got {len(counted)} rows, expected {rows}; {_REMEDY}")
    if expected.labels:
        got = Counter(label for example in counted for label in _labels(example, format))
        if got != Counter(expected.labels):
            differences = (
                f"{label or 'no gold'}: got {got[label]}, expected {expected.labels.get(label, 0)}"
                for label in sorted(
                    label for label in got.keys() | expected.labels.keys() if got[label] != expected.labels.get(label, 0)
                )
            )
            raise UserError(f"{where}: other labels than declared ({'; '.join(differences)}); {_REMEDY}")


_REMEDY = "the data differs from the task's declaration: fetch it again, pin another revision, or set data.expect=false"


def _labels(example: dict[str, Any], format: Format) -> list[str]:
    if not format.gold_is_label or format.gold is None:
        return []
    value = example[format.gold]
    return [""] if value is None else list(value) if isinstance(value, list) else [str(value)]
