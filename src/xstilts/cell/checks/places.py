"""Check the names and folders that a user chooses: files can be made there, under these names."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from xstilts.config import Config
from xstilts.errors import LONGEST
from xstilts.paths import name_problem


def name_problems(config: Config) -> Iterator[str]:
    """Names that become parts of file names."""
    if problem := name_problem(config.study):
        yield f"study: {problem}; a folder elsewhere is chosen by output=FOLDER"
    if problem := name_problem(config.recipe.name):
        yield f"recipe.name: {problem}"
    if config.intermediate.name is not None and (problem := name_problem(config.intermediate.name)):
        yield f"intermediate.name: {problem}"


def folder_problems(config: Config) -> Iterator[str]:
    """Folders that do not exist and cannot be made. One that exists may be read-only: all that a cell needs may be there."""
    for option, folder in (("output", config.output), ("store.root", config.store.root)):
        if not folder:
            yield f"{option}: got an empty name, expected a folder"
        elif problem := cannot_be_made(Path(folder)):
            shown = folder if len(folder) <= LONGEST else f"{folder[:LONGEST]}..."
            yield f"{option}={shown}: {problem}; type {option}=FOLDER with one that can be made"


def cannot_be_made(folder: Path) -> str:
    """Return why this folder cannot be made, or is a file; empty where it exists or can be made. Leaves nothing behind."""
    try:
        folder = folder.absolute()
        above = folder
        while not os.path.lexists(above):
            if len(os.fsencode(above.name)) > os.pathconf(above.anchor, "PC_NAME_MAX"):
                return f"the name '{above.name[:20]}...' is too long for a file system"
            above = above.parent
        if not above.is_dir():
            return f"{above} is no folder"
        if above != folder:
            Path(tempfile.mkdtemp(dir=above, prefix=".xstilts-")).rmdir()
    except (OSError, ValueError) as error:
        return f"cannot be made ({getattr(error, 'strerror', None) or error})"
    return ""
