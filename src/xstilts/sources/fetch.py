"""Download data sets and models from the Hub before they are read; local files stay where they are."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from xstilts.config import DataConfig
from xstilts.encoders import is_tokenizer_file
from xstilts.errors import UserError
from xstilts.sources import hub
from xstilts.sources.files import TaskSource, hub_files, languages_with_data, source_name
from xstilts.tasks.declaration import Task

WEIGHTS = tuple(
    re.compile(name)
    for name in (r"model\.safetensors", r"model-.*\.safetensors", r"pytorch_model\.bin", r"pytorch_model-.*\.bin")
)
"""File names of weights, whole or in parts; the first kind that exists is used."""


def pinned(task: Task, data: DataConfig) -> Task:
    """Return the task with its source's revision resolved to a commit; unchanged if its data is not on the Hub."""
    name = source_name(task, data)
    source = task.sources.get(name)
    if source is None or not source.hub:
        return task
    commit = hub.listing("dataset", source.hub, source.revision).commit
    return replace(task, sources=task.sources | {name: replace(source, revision=commit)})


def fetch(source: TaskSource, split: str, languages: Iterable[str] | None, checksum: hub.Checksum) -> list[Path]:
    """Download missing files of a split in some languages (None: all in the repository); return all files, verified.

    Returns [] for a source that is not on the Hub. Raises UserError if the repository lacks one of the languages.
    """
    declared = source.declared
    if not declared.hub or split not in declared.files:
        return []
    have = languages_with_data(source, split)
    wanted = have if languages is None else list(languages)
    missing = [language for language in wanted if language not in have]
    listed = hub.listing("dataset", declared.hub, declared.revision)
    if missing:
        place = f"{'the cache of ' if listed.partial else ''}{declared.hub} at revision {listed.commit}"
        raise UserError(
            f"task '{source.task.name}' has no {split} data in '{', '.join(missing)}': {place} has it in "
            f"{', '.join(have) or 'no language'}{hub.FETCH if listed.partial else ''}"
        )
    paths = [path for language in wanted for path in hub_files(declared, split, language, listed).values()]
    return hub.download(listed, dict.fromkeys(paths), checksum)


def fetch_model(name: str, revision: str | None, weights: bool, checksum: hub.Checksum) -> Path:
    """Download a Hub model's tokenizer and config.json, with `weights` also its weights; return their local folder."""
    listed = hub.listing("model", name, revision)
    top = [path for path in listed.files if "/" not in path]
    chosen = [path for path in top if path == "config.json" or is_tokenizer_file(path)]
    if weights:
        files = next((files for kind in WEIGHTS if (files := [path for path in top if kind.fullmatch(path)])), [])
        if not files:
            place = " in the cache" if listed.partial else ""
            raise UserError(
                f"model {name} at revision {listed.commit} has no weights{place}: expected model.safetensors in it"
                f"{hub.FETCH if listed.partial else ''}"
            )
        chosen += [*files, *(path for path in top if path.endswith(".index.json"))]
    hub.download(listed, chosen, checksum)
    return listed.folder
