"""xstilts check-task: read a task's files, show what is in them, and list every problem. Trains nothing, needs no model.

    xstilts check-task my/task/reviews.yaml data.root=files
    xstilts check-task xnli data=xtreme data.root=download
    xstilts check-task xnli data=xtreme data.root=download 'target.languages=[en,sw]' 'target.splits=[test]'

The task is a file in a folder named task, or a name of the catalogue. It shows the number of examples and the shares of their
labels in each split and language, three examples of each language, and the problems. The exit code is 1 if there is a problem,
and 2 if the command is wrong.
"""

import inspect
import json
import sys
from collections.abc import Iterator

from xstilts.api.checking import SplitContent, TaskCheck, check_task
from xstilts.launch.entry import entry_point
from xstilts.numbering import counted

WIDEST = 70
"""Characters that are shown of a field of an example."""
LABELS = 8
"""Labels that are shown of a split, the most frequent first."""


@entry_point()
def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(given):
        sys.stdout.write(inspect.cleandoc(__doc__ or "") + "\n")
        return 0
    checked = check_task(*given)
    sys.stdout.write("".join(f"{line}\n" for line in shown(checked)))
    return 1 if checked.problems else 0


def shown(checked: TaskCheck) -> Iterator[str]:
    """The lines of the report."""
    yield checked.title
    if checked.splits:
        yield ""
        yield from _table([("split", "language", "examples", "labels"), *map(_cells, checked.splits)])
    for language, (split, examples) in checked.first_examples.items():
        yield f"\n{language}, the first examples of {split}:"
        yield from (f"  {' | '.join(_fields(example))}" for example in examples)
    if checked.remarks:
        yield "\nto know:"
        yield from (f"  {line}" for line in checked.remarks)
    count = len(checked.problems)
    yield "\nno problem" if not count else f"\n{counted(count, 'problem')}:"
    yield from (f"  {line}" for line in checked.problems)


def _cells(found: SplitContent) -> tuple[str, str, str, str]:
    examples = f"{found.examples:,}" + (f" + {counted(found.candidates, 'candidate')}" if found.candidates else "")
    return found.split, found.language, examples, _shares(found)


def _shares(found: SplitContent) -> str:
    """The labels with their shares, the most frequent first, and the share of examples without gold."""
    total = sum(found.labels.values())
    shares = [f"{label} {count / total:.1%}" for label, count in found.labels.most_common(LABELS)]
    shares += [f"{len(found.labels) - LABELS} more"] if len(found.labels) > LABELS else []
    if found.examples and found.without_gold == found.examples:
        return "no labels"
    return ", ".join([*shares, *([f"no label: {counted(found.without_gold, 'example')}"] if found.without_gold else [])])


def _table(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for split, language, examples, labels in rows:
        line = f"{split:{widths[0]}}  {language:{widths[1]}}  {examples:>{widths[2]}}  {labels}"
        yield line.rstrip()


def _fields(example: dict[str, object]) -> Iterator[str]:
    """The fields that the example has, shortened."""
    for name, value in example.items():
        if name != "language" and value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            text = " ".join(text.split())
            yield f"{name}: {text if len(text) <= WIDEST else text[: WIDEST - 3] + '...'}"


if __name__ == "__main__":
    sys.exit(main())
