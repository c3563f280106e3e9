"""The check of a task: what its files hold, and every problem of its declaration and its data. No torch."""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts import bounds, sources
from xstilts.api.tasks import chosen_task
from xstilts.cell import inputs
from xstilts.cell.checks.tasks import language_problems, metric_problems, task_problems
from xstilts.config import Config
from xstilts.errors import SCREEN, UserError, combined, unknown_name
from xstilts.launch import arguments
from xstilts.launch.commandline import choices
from xstilts.launch.own_files import Folder
from xstilts.numbering import counted
from xstilts.paths import task_name_problem
from xstilts.sources import TaskSource
from xstilts.sources.files import source_roots
from xstilts.sources.placeholders import OTHERS
from xstilts.tasks.declaration import SPLITS
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

SHOWN = 3
"""Examples that are shown of each language."""
Examples = list[dict[str, Any]]


@dataclass
class SplitContent:
    """The examples of one split and language that have no problem."""

    split: str
    language: str
    examples: int = 0
    candidates: int = 0
    """Texts that queries are compared with (retrieval); they are not among `examples`."""
    without_gold: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Label -> its number; of tags, over all words. Of other gold: whether an example has any, such as answers."""


@dataclass
class TaskCheck:
    """The outcome of a check."""

    title: str
    """The task's name, format, metrics, and where it was read."""
    splits: list[SplitContent] = field(default_factory=list)
    first_examples: dict[str, tuple[str, Examples]] = field(default_factory=dict)
    """Language -> the first split that has it, and its first examples."""
    remarks: list[str] = field(default_factory=list)
    """Lines about facts that are no problem: a split without labels, a label that does not occur."""
    problems: list[str] = field(default_factory=list)
    """A line for each problem, of one file at most SCREEN and the number of the others."""


def check_task(*words: str) -> TaskCheck:
    """Check a task, as `xstilts check-task` does: its YAML file or its name, and options such as `data.root=files`.

    Data of the Hub is downloaded, data of a synthetic world made. `target.languages` and `target.splits` limit what is read.
    UserError if the words are wrong, or if the data cannot be reached at all.
    """
    name, options, problems = _named(words)
    if problems:
        return TaskCheck(f"task {name}", problems=problems)
    config, source = chosen_task(name, options)
    task, chosen = source.task, config.target
    wrong = list(language_problems("target.languages", chosen.languages, task))
    wrong += [unknown_name("split in target.splits", split, SPLITS) for split in chosen.splits or [] if split not in SPLITS]
    if wrong:
        raise combined(wrong)
    if not source.declared.hub:
        source_roots(source.declared, config.data)  # a folder that is not there is no fault of the task
    languages = chosen.languages or task.languages
    title = f"task {task.name}: {task.format}, {', '.join(task.metrics)}; source {source.name}, {sources.place_of(source)}"
    problems = [*bounds.problems(f"task {task.name}", task), *task_problems(task, source), *metric_problems(task, languages)]
    found = TaskCheck(title, problems=list(dict.fromkeys(problems)))
    if not problems:
        with _remarks(found.remarks):
            told: set[str] = set()
            for split in SPLITS:
                if split in source.declared.files and split in (chosen.splits or SPLITS):
                    _check_split(found, source, split, languages, config, told)
        found.remarks += _more_remarks(found, source)
    return found


def _named(words: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """The name of the task that the words name, the options among them, and the problems of the task's file."""
    names = [word for word in words if "=" not in word and not word.startswith(("-", "+", "~"))]
    options = [word for word in words if word not in names]
    expected = "expected one: its file, such as my/task/reviews.yaml, or its name, such as xnli"
    if len(names) != 1:
        raise UserError(f"got {' and '.join(names) or 'no task'}, {expected}")
    (name,) = names
    path = Path(name)
    given = arguments.read(options)
    if path.suffix != ".yaml" and len(path.parts) == 1:
        own = Path(given.config_dir) if given.config_dir and Path(given.config_dir).is_dir() else None
        if name not in (known := choices(own)["task"]):
            raise UserError(unknown_name("task", name, known))
        return name, options, []
    if not path.is_file():
        raise UserError(f"there is no file '{name}': {expected}")
    folder = path.absolute().parent.parent
    if path.suffix != ".yaml" or path.absolute().parent.name != "task":
        raise UserError(f"got {name}, expected a file NAME.yaml in a folder named task, such as my/task/reviews.yaml")
    if given.config_dir:
        raise UserError(f"--config-dir={given.config_dir}: the file {name} stands in its own folder: leave --config-dir out")
    if problem := task_name_problem(path.stem):
        raise UserError(f"name of the file {name}: {problem}")
    files = Folder(folder, choices(folder))
    files.use("task", path.stem)
    return path.stem, [*options, f"--config-dir={folder}"], files.problems


def _check_split(
    found: TaskCheck, source: TaskSource, split: str, languages: Sequence[str], config: Config, told: set[str]
) -> None:
    """Read one split and add what it holds, and its problems that are not yet `told`, to `found`."""
    from xstilts.sources.load import NoRows, load

    format = format_of(source.task)
    inputs.download(inputs.NeededSplit(source, split, config.target.languages), config)
    missing = {language: _missing(source, split, language) for language in languages}
    present = [language for language in languages if missing[language] is None]
    lines = [line for language, line in missing.items() if line and _must_have(source, split, language)]
    if not present and not lines and config.target.languages is None:
        lines = [line for line in missing.values() if line][:1]
    found.problems += _first_lines(lines, split)
    for together in ([present] if present else []) if format.candidate else [[language] for language in present]:
        problems: list[str] = []
        examples: Examples = []
        try:
            examples = load(source, split, together, problems=problems).to_list()
        except NoRows as error:
            if not _must_have(source, split, together[0]):
                continue
            problems.append(str(error))
        except UserError as error:
            problems += str(error).splitlines()
        new = [line for line in dict.fromkeys(problems) if line not in told]  # a file may hold several languages
        told.update(new)
        found.problems += _first_lines(new, f"{split}, {', '.join(together)}")
        for language in together:
            own = [example for example in examples if example["language"] == language]
            found.splits.append(_content(split, language, own, format))
            if own and language not in found.first_examples:
                found.first_examples[language] = split, [example for example in own if format.counts(example)][:SHOWN]


def _missing(source: TaskSource, split: str, language: str) -> str | None:
    """The reason why the split cannot be read in a language; None where its files are there."""
    try:
        sources.require(source, split, language)
    except UserError as error:
        return str(error)
    return None


def _must_have(source: TaskSource, split: str, language: str) -> bool:
    """Return whether the split must have this language: its path names the language, or all languages are evaluated on it."""
    paths = source.declared.files[split]
    if source.declared.hub:
        return False
    if isinstance(paths, Mapping) and OTHERS not in paths:
        return language in paths
    expected = source.declared.expect.get(split)
    return split in source.task.evaluate and (expected is None or expected.rows.get(language) != 0)


def _first_lines(problems: list[str], place: str) -> list[str]:
    more = len(problems) - SCREEN
    return [*problems[:SCREEN], *([f"{place}: {counted(more, 'more problem')}"] if more > 0 else [])]


def _content(split: str, language: str, examples: Examples, format: Format) -> SplitContent:
    counted = [example for example in examples if format.counts(example)]
    content = SplitContent(split, language, len(counted), len(examples) - len(counted))
    for example in counted if format.gold else []:
        gold = example[format.gold or ""]
        if gold is None:
            content.without_gold += 1
        elif not format.gold_is_label:
            content.labels[f"{format.gold}" if gold else f"no {format.gold}"] += 1
        else:
            content.labels.update(map(str, gold if isinstance(gold, list) else [gold]))
    return content


def _more_remarks(found: TaskCheck, source: TaskSource) -> Iterator[str]:
    task, declared = source.task, source.declared
    for split in task.evaluate:
        if split not in declared.files:
            yield f"{split}: the source names no files, so it is not evaluated"
    trained = [content.labels for content in found.splits if content.split == "train" and content.examples]
    if absent := [label for label in task.labels if trained and not any(labels[label] for labels in trained)]:
        shown = ", ".join(absent[:SCREEN]) + (f" and {len(absent) - SCREEN} more" if len(absent) > SCREEN else "")
        yield f"train: no example has the label {shown}"


@contextlib.contextmanager
def _remarks(lines: list[str]) -> Iterator[None]:
    """Collect in `lines`, and show nowhere else, what is logged in the body."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    log, collector = logging.getLogger("xstilts"), Collector()
    handlers, level, propagates = log.handlers, log.level, log.propagate
    log.handlers, log.propagate = [collector], False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.handlers, log.propagate = handlers, propagates
        log.setLevel(level)
