"""Diagnose labels that the task does not declare, and tags that were read as words."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from xstilts.sources.raw import RawExample
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_of

SHOWN = 8
"""Number of labels that a message lists."""


def undeclared(task: Task, examples: Iterable[dict[str, Any]]) -> str:
    """Return the end of a message with all undeclared labels, the most frequent first, and what to do; "" if there are none."""
    format = format_of(task)
    field = format.gold
    if not format.fewest_labels or field is None:
        return ""
    values = (example[field] for example in examples if example[field] is not None)
    labels = (label for value in values for label in (value if isinstance(value, list) else [value]))
    counts = Counter(label for label in labels if label not in task.labels)
    if not counts:
        return ""
    named = ", ".join(f"{label} ({count})" for label, count in counts.most_common(SHOWN))
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    first = counts.most_common(1)[0][0]
    glued = next((tag for tag in task.labels if format.labelled_items and _ends_in(first, tag)), None)
    if glued:
        return f". Not declared: {named}{more}. Is a blank or TAB missing before '{glued}'?"
    example = f"{{{json.dumps(first, ensure_ascii=False)}: {_alike(first, task.labels)}}}"
    return (
        f". Not declared: {named}{more}. Add them to the task's labels, or map them in the source, for instance labels: {example}"
    )


def _alike(label: str, declared: Sequence[str]) -> str:
    """Return the declared label that differs from `label` only in case, white space, quotes or BIOES prefix; else a stand-in."""

    def bare(text: str) -> str:
        return text.strip("\"' \t\u00a0").casefold()

    prefix = {"S-": "B-", "E-": "I-", "L-": "I-", "U-": "B-"}.get(bare(label)[:2].upper(), "")
    wanted = (bare(label), f"{prefix}{bare(label)[2:]}".casefold() if prefix else bare(label))
    alike = next((name for name in declared if bare(name) in wanted), None)
    return json.dumps(alike, ensure_ascii=False) if alike else ("O" if "O" in declared and re.match("[A-Z]-", label) else "LABEL")


def is_undeclared(task: Task, example: dict[str, Any]) -> bool:
    """Return whether the example has a label that the task does not declare."""
    return bool(undeclared(task, [example]))


def where_undeclared(task: Task, row: RawExample, example: dict[str, Any]) -> str:
    """Return the place of the first tag that the task does not declare, or of the whole row."""
    format = format_of(task)
    tags = example[format.gold] if format.labelled_items and format.gold else None
    return row.where_of(next((number for number, tag in enumerate(tags) if tag not in task.labels), 0)) if tags else row.where


class TagsAmongWords:
    """Recognises tags that were read as parts of the words: most words of the examples without tags end in a declared tag."""

    def __init__(self, task: Task, source: Source) -> None:
        format = format_of(task)
        self.words, self.gold = format.labelled_items, format.gold
        self.tags = [*task.labels, *source.labels]
        self.total = self.ending = 0
        self.first = ""

    def add(self, examples: Sequence[dict[str, Any]]) -> None:
        """Count the words of these examples too."""
        if self.words is None or self.gold is None:
            return
        for word in (word for example in examples if example[self.gold] is None for word in example[self.words]):
            self.total += 1
            if any(_ends_in(word, tag) for tag in self.tags):
                self.ending += 1
                self.first = self.first or word

    def problem(self) -> str | None:
        """Return an error message, or None."""
        if self.ending * 2 <= self.total:
            return None
        return (
            f"words and tags were read as words alone, for instance '{self.first}': {self.ending} of {self.total} words end in a "
            "tag. Set options.delimiter to the character between words and tags"
        )


def _ends_in(word: str, tag: str) -> bool:
    return word != tag and word.endswith(tag) and not word[-len(tag) - 1].isalnum()
