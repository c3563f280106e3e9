"""Find the files of a task's split: look up `Source.files` and `Source.gold` under the data roots.

A path may contain placeholders (`xstilts.sources.placeholders`), or a split has a map language -> path. `|` separates
alternatives; the first that exists is read. `&` joins the two files of a sentence pair, the language's side and the English side;
both must exist. Every file may also be compressed, with the suffix `.gz`. For a source on the Hub, paths are patterns inside its
repository, and all files that match are read. Neither torch nor datasets is imported here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xstilts.config import DataConfig
from xstilts.errors import UserError, unknown_name
from xstilts.sources import hub
from xstilts.sources.placeholders import alternatives, matches, used
from xstilts.sources.readers import reader_module
from xstilts.tasks.declaration import Source, Task

ANY_SOURCE = "*"
"""In a task's `sources`: stands for every `data.source` that is not named."""


@dataclass(frozen=True)
class TaskSource:
    """A task, and the one of its sources that its data is read from."""

    task: Task
    """With this source alone."""
    name: str
    """The source's name among those of the task."""
    declared: Source
    data: DataConfig
    """The folders in which files are looked for, and the synthetic world."""


def source_name(task: Task, data: DataConfig) -> str:
    """Return the source to read the task from: `data.source`, or `data.fallback` if that is unusable and a root is set.

    `*`, if the task has it, where it has no `data.source`.
    """
    declared = task.sources.get(data.source, task.sources.get(ANY_SOURCE))
    if (declared is None or declared.unusable) and data.root and data.fallback in task.sources:
        return data.fallback
    return data.source if data.source in task.sources or ANY_SOURCE not in task.sources else ANY_SOURCE


def source_of(task: Task, data: DataConfig) -> TaskSource:
    """Return the task's source that `data` selects. Raises UserError if it is unknown or unusable."""
    name = source_name(task, data)
    if name not in task.sources and not data.root and data.fallback in task.sources:
        raise UserError(
            f"task {task.name} has no source {name}, and its source {data.fallback} needs its folder: type data.root=PATH"
        )
    if name not in task.sources:
        raise UserError(unknown_name(f"source of task {task.name}", name, task.sources, f"It is chosen by data={name}."))
    declared = task.sources[name]
    if declared.unusable:
        raise UserError(f"task {task.name} cannot be read from data={name}: {declared.unusable}")
    return TaskSource(replace(task, sources={name: declared}), name, declared, data)


def place_of(source: TaskSource) -> str:
    """Return where the task's data is searched, in words for a message."""
    declared, data = source.declared, source.data
    if declared.generator:
        return f"in the synthetic world of seed {data.world.seed}"
    if declared.hub:
        return f"in {declared.hub} at revision {declared.revision or 'main'}"
    extra = f" and data.extra_roots=[{','.join(data.extra_roots)}]" if data.extra_roots else ""
    return f"under data.root={data.root}{extra}"


def roots_of(data: DataConfig) -> list[Path]:
    """Return the folders to search for files, in order. Raises UserError if `data.root` is unset or a folder is missing."""
    if not data.root:
        raise UserError("data.root is not set: give the folder with the raw data, e.g. data.root=PATH/download")
    roots = [Path(root).expanduser() for root in (data.root, *data.extra_roots)]
    for root, option in zip(roots, ["data.root"] + ["data.extra_roots"] * len(data.extra_roots), strict=True):
        if not root.is_dir():
            raise UserError(f"{option}={root}: no such folder; give an existing folder with the raw data")
    return roots


def source_roots(source: Source, data: DataConfig) -> list[Path]:
    """The folders for the source's files; of absolute paths any root will do, and none is asked for.

    Raises UserError as `roots_of`.
    """
    paths = [path for table in (source.files, source.gold) for declared in table.values() for path in _texts(declared)]
    if source.generator or all(Path(path).is_absolute() for path in paths):
        return [Path(data.root or "")]
    return roots_of(data)


def _texts(declared: str | dict[str, str]) -> list[str]:
    return [declared] if isinstance(declared, str) else list(declared.values())


def _candidates(roots: list[Path], declared: dict[str, Any], split: str, language: str) -> list[list[Path]]:
    return [[root / path for path in paths] for root in roots for paths in alternatives(declared, split, language)]


def _existing(paths: list[Path]) -> list[Path] | None:
    """Return the paths, or these with `.gz` appended, if all exist; else None. Raises UserError for broken links and folders."""
    variants = [next((p for p in (path, path.with_name(path.name + ".gz")) if _is_file(p)), None) for path in paths]
    existing = [path for path in variants if path is not None]
    return existing if len(existing) == len(paths) else None


def _is_file(path: Path) -> bool:
    try:
        if path.is_file():
            return True
    except OSError as error:  # a name that is too long, a folder that must not be read
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if path.is_symlink():
        raise UserError(f"{path}: a link to {path.readlink()}, which does not exist; fetch that file")
    if path.exists():
        raise UserError(f"{path}: a {'folder' if path.is_dir() else 'device'}, expected a file")
    return False


def _first_existing(candidates: list[list[Path]]) -> list[Path]:
    return next((existing for paths in candidates if (existing := _existing(paths))), [])


def locate(source: TaskSource, split: str, language: str) -> dict[str, Path]:
    """Return role -> existing file of a split in a language; {} if there is no data.

    Roles: `data`, or `source` and `english` for a sentence pair; also `gold`, or `gold` and `gold.english`, if the gold answers
    are in separate files. Further parts of data on the Hub are `data.1`, `data.2`, … in order. Uses no network and generates
    nothing. Raises UserError for an unknown source or a missing root.
    """
    declared, data = source.declared, source.data
    if split not in declared.files or language not in source.task.languages:
        return {}
    if declared.hub:
        listed = hub.stored_listing("dataset", declared.hub, declared.revision)
        parts = hub_files(declared, split, language, listed) if listed else {}
        here = {role: listed.present(path) for role, path in parts.items()} if listed else {}
        complete = {role: path for role, path in here.items() if path is not None}
        return complete if len(complete) == len(parts) else {}
    roots = source_roots(declared, data)
    existing = _first_existing(_candidates(roots, declared.files, split, language))
    gold = _first_existing(_candidates(roots, declared.gold, split, language)) if existing else []
    files = {"data": existing[0]} if len(existing) == 1 else dict(zip(("source", "english"), existing, strict=False))
    if gold == existing:  # aligned data are their gold
        return files
    return files | dict(zip(("gold", "gold.english"), gold, strict=False))


def hub_files(source: Source, split: str, language: str, listed: hub.Listing) -> dict[str, str]:
    """Return role -> path inside the repository, for one split and language; {} if the repository has no such files."""

    def first(declared: dict[str, Any]) -> list[list[str]]:
        for patterns in alternatives(declared, split, language):
            paths = [sorted(path for path in listed.files if matches(path, pattern)) for pattern in patterns]
            if all(paths):
                return paths
        return []

    data = first(source.files)
    if len(data) == 2:
        files = {"source": data[0][0], "english": data[1][0]}
    else:
        files = {f"data.{number}" if number else "data": path for paths in data for number, path in enumerate(paths)}
    gold = first(source.gold) if data else []
    return files | ({"gold": gold[0][0]} if gold else {})


def require(source: TaskSource, split: str, language: str) -> dict[str, Path]:
    """Return the files as `locate` does. Raises UserError, naming every path that was tried, if there is no data."""
    files = locate(source, split, language)
    if files:
        return files
    task, declared = source.task, source.declared
    if split not in declared.files:
        have = ", ".join(declared.files) or "none"
        raise UserError(f"task '{task.name}' has no {split} split in source '{source.name}': it has {have}")
    if language not in task.languages:
        raise UserError(unknown_name(f"language of task '{task.name}'", language, task.languages))
    if declared.hub:
        raise UserError(
            f"no {split} data of task '{task.name}' in language '{language}' from {declared.hub} at revision "
            f"{declared.revision or 'main'} on this disk: run `python -m xstilts.fetch` with the same options"
        )
    if declared.generator:
        raise UserError(
            f"the {split} data of task '{task.name}' in language '{language}' {place_of(source)} is not made yet: "
            "run `python -m xstilts.fetch` with the same options"
        )
    roots = source_roots(declared, source.data)
    tried = [" and ".join(map(str, paths)) for paths in _candidates(roots, declared.files, split, language)]
    if not tried:
        paths, what = declared.files[split], f"no {split} data of task '{task.name}' in language '{language}'"
        if isinstance(paths, str):
            message = f"this language has no {' or '.join(used(paths))}, which is in files.{split}"
            raise UserError(f"{what}: {message}; write a map, for instance files.{split}: {{{language}: PATH}}")
        raise UserError(f"{what}: files.{split} has {', '.join(paths)}; add it there")
    raise UserError(
        f"no {split} data of task '{task.name}' in language '{language}': looked for {', '.join(tried)}; put the file there, "
        "or add its folder to data.extra_roots"
    )


def without_gold(source: TaskSource, split: str, languages: Iterable[str]) -> str | None:
    """Return an error message if the data of these languages lacks its gold files, else None.

    Asks the reader's `without_gold`, if it has one, unless the source's option `no_gold` lists the split.
    """
    task, declared = source.task, source.declared
    why = getattr(reader_module(declared.readers.get(split, declared.reader)), "without_gold", None)
    if why is None or declared.hub or split in declared.options.get("no_gold", []):
        return None
    found = {language: why(files, language) for language in languages if (files := locate(source, split, language))}
    lacking = [language for language, reason in found.items() if reason]
    if not lacking:
        return None
    return (
        f"task '{task.name}' has no gold for {split} in {', '.join(lacking)}: {found[lacking[0]]}. For predictions without a "
        f"score, as for a submission, type 'target.task.sources.{source.name}.options.no_gold=[{split}]'"
    )


def languages_with_data(source: TaskSource, split: str) -> list[str]:
    """Return the task's languages that have data for `split`, in the task's order.

    Looks at the local files, at the list of files of a repository on the Hub, or at the generator of a synthetic world.
    """
    languages, declared = source.task.languages, source.declared
    if declared.generator:
        return list(languages) if split in declared.generator.rows else []
    if not declared.hub:
        return [language for language in languages if locate(source, split, language)]
    if split not in declared.files:
        return []
    listed = hub.listing("dataset", declared.hub, declared.revision)
    return [language for language in languages if hub_files(declared, split, language, listed)]
