"""Which files a task's split is read from: `Source.files` and `Source.gold` looked up under the data roots.

A path may hold placeholders: `{language}` (the code), `{iso3}` (LASER's three-letter code) and `{name}` (the English name in
lower case). A path without any is data in the first of the task's languages. `|` parts alternatives: the first that exists is
read. `&` joins the two files of a sentence pair: the side of the language, then the English side; both must exist. Every
path may also stand there with `.gz` at its end. Neither torch nor datasets is imported here.
"""

from pathlib import Path

from xstilts.config import DataConfig
from xstilts.errors import UserError, unknown_name
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.languages import ISO3, LANGUAGES

_PLACEHOLDERS = ("{language}", "{iso3}", "{name}")


def source_of(task: Task, data: DataConfig) -> Source:
    """The task's source that `data.source` picks."""
    if data.source not in task.sources:
        raise UserError(unknown_name(f"source of task '{task.name}'", data.source, task.sources, "Set data.source."))
    return task.sources[data.source]


def roots_of(data: DataConfig) -> list[Path]:
    """The folders in which files are looked for, in order; UserError if one is unset or is no folder."""
    if not data.root:
        raise UserError("data.root is not set: give the folder with the raw data, e.g. data.root=PATH/download")
    roots = [Path(root).expanduser() for root in (data.root, *data.extra_roots)]
    for root, option in zip(roots, ["data.root"] + ["data.extra_roots"] * len(data.extra_roots), strict=True):
        if not root.is_dir():
            raise UserError(f"{option}={root}: no such folder; give an existing folder with the raw data")
    return roots


def _alternatives(task: Task, template: str, language: str) -> list[list[str]]:
    """The template's alternatives for a language, each a list of one or two relative paths."""
    values = {"{language}": language, "{iso3}": ISO3.get(language), "{name}": LANGUAGES.get(language, "").lower() or None}
    result = []
    for alternative in template.split("|"):
        used = [placeholder for placeholder in _PLACEHOLDERS if placeholder in alternative]
        if any(values[placeholder] is None for placeholder in used) or (not used and language != task.languages[0]):
            continue
        for placeholder in used:
            alternative = alternative.replace(placeholder, values[placeholder] or "")
        result.append([path.strip() for path in alternative.split("&")])
    return result


def _candidates(roots: list[Path], task: Task, template: str, language: str) -> list[list[Path]]:
    return [[root / path for path in paths] for root in roots for paths in _alternatives(task, template, language)]


def _existing(paths: list[Path]) -> list[Path] | None:
    """The paths or their `.gz` twins, if all of them exist."""
    found = [next((p for p in (path, path.with_name(path.name + ".gz")) if p.is_file()), None) for path in paths]
    existing = [path for path in found if path is not None]
    return existing if len(existing) == len(paths) else None


def locate(task: Task, data: DataConfig, split: str, language: str) -> dict[str, Path]:
    """Role -> existing file that `split` of `language` is read from; {} if there is no data.

    Roles: `data`, or `source` and `english` for a sentence pair; and `gold` where the answers stand in a file of their own and
    that file exists. Raises UserError for an unknown source or a missing root.
    """
    source, roots = source_of(task, data), roots_of(data)
    if split not in source.files or language not in task.languages:
        return {}
    for paths in _candidates(roots, task, source.files[split], language):
        if existing := _existing(paths):
            files = {"data": existing[0]} if len(existing) == 1 else dict(zip(("source", "english"), existing, strict=True))
            for gold in _candidates(roots, task, source.gold.get(split, ""), language) if split in source.gold else []:
                if found := _existing(gold):
                    return {**files, "gold": found[0]}
            return files
    return {}


def require(task: Task, data: DataConfig, split: str, language: str) -> dict[str, Path]:
    """As `locate`, but a UserError that names every path that was tried if there is no data."""
    files = locate(task, data, split, language)
    if files:
        return files
    source = source_of(task, data)
    if split not in source.files:
        raise UserError(
            f"task '{task.name}' has no {split} split in source '{data.source}': it has {', '.join(source.files) or 'none'}"
        )
    if language not in task.languages:
        raise UserError(unknown_name(f"language of task '{task.name}'", language, task.languages))
    tried = [" and ".join(map(str, paths)) for paths in _candidates(roots_of(data), task, source.files[split], language)]
    raise UserError(
        f"no {split} data of task '{task.name}' in language '{language}': looked for "
        f"{', '.join(tried) or f'{source.files[split]}, which holds {task.languages[0]} only'}; put the file there, "
        "or add its folder to data.extra_roots"
    )


def languages_with_data(task: Task, data: DataConfig, split: str) -> list[str]:
    """The task's languages that have data for `split`, in the task's order."""
    return [language for language in task.languages if locate(task, data, split, language)]
