"""Select the rows of a file that belong to a language, and compare their number and labels with the task's declaration."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from xstilts.errors import UserError
from xstilts.numbering import counted
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


class Expected:
    """Counts the examples of one split and language, to be compared with `Source.expect`."""

    def __init__(self, task: Task, source: Source, split: str, language: str) -> None:
        self.source, self.format, self.language, self.expected = source, format_of(task), language, source.expect.get(split)
        place = f"from {source.hub} at revision {source.revision or 'main'}" if source.hub else "from files"
        self.where = f"task '{task.name}', {split}, '{language}', {place}"
        self.rows = 0
        self.labels: Counter[str] = Counter()

    def add(self, examples: Iterable[dict[str, Any]]) -> None:
        """Count these examples too."""
        if self.expected is not None:
            taken = [example for example in examples if self.format.counts(example)]
            self.rows += len(taken)
            self.labels.update(label for example in taken for label in _labels(example, self.format))

    def check(self) -> None:
        """Raise UserError at the first difference."""
        if self.expected is None:
            return
        rows = self.expected.rows.get(self.language, self.expected.rows.get("*"))
        if rows is not None and rows != self.rows:
            raise UserError(f"{self.where}: got {counted(self.rows, 'row')}, expected {rows}; {_REMEDY}")
        declared, got = self.expected.labels, self.labels
        if declared and got != Counter(declared):
            differences = (
                f"{label or 'no gold'}: got {got[label]}, expected {declared.get(label, 0)}"
                for label in sorted(label for label in got.keys() | declared.keys() if got[label] != declared.get(label, 0))
            )
            raise UserError(f"{self.where}: other labels than declared ({'; '.join(differences)}); {_REMEDY}")


_REMEDY = "the data differs from the task's declaration: fetch it again, pin another revision, or set data.expect=false"


def _labels(example: dict[str, Any], format: Format) -> list[str]:
    if not format.gold_is_label or format.gold is None:
        return []
    value = example[format.gold]
    return [""] if value is None else list(value) if isinstance(value, list) else [str(value)]
