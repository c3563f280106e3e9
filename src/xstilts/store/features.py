"""Cache examples and their features as artifacts of the kind `features`, shared by all cells and ranks and memory-mapped.

The fingerprint hashes everything that determines them: checksums of the raw files, the task's declaration, the part of the data
that is used, the tokenizer, the lengths and the version of the featurizer. `Dataset.map` is not used: its cache can return the
results of an older version of a function.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.paths import ArtifactPaths
from xstilts.store.artifacts import is_done, listed_files, publish, read_metadata, remove, temporary_folder
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import task_identity
from xstilts.store.locks import locked

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from xstilts.sources import TaskSource
    from xstilts.sources.splits import DataSplit
    from xstilts.tasks.declaration import Limits

log = logging.getLogger("xstilts")
KIND = "features"
SCHEMA = 2
"""Increase it when the layout of the stored files changes."""

SHORT = 100_000
"""Files of up to this many bytes are verified by their checksum on every use, longer ones by their size."""

_identities: dict[str, str] = {}
"""Checksum of a serialised tokenizer -> its identity. Sorting XLM-R's 250,000 pieces takes a second or two."""


@dataclass(frozen=True)
class Prepared:
    """Examples of a task and their features."""

    examples: "Dataset"
    features: "Dataset"
    sizes: list[int]
    """Number of examples of each part, in order."""


def feature_identity(
    source: "TaskSource",
    splits: "list[DataSplit]",
    taken: dict[str, Any],
    tokenizer: "PreTrainedTokenizerBase",
    limits: "Limits",
    training: bool,
) -> dict[str, Any]:
    """Return everything that determines the features, to be hashed as their fingerprint.

    `taken`: how many of the splits' examples are used, and which.
    """
    from xstilts.data.featurizers import featurizer
    from xstilts.tasks.formats import format_of

    module = featurizer(source.task.format)
    expected = source.declared.expect if source.data.expect else {}
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "task": task_identity(source),
        "parts": [[split.expression, split.languages, split.checksums] for split in splits],
        "taken": taken,
        "expected": {split: without_defaults(counts) for split, counts in expected.items()},  # empty if they were not checked
        "tokenizer": tokenizer_identity(tokenizer),
        "limits": without_defaults(limits),
        "training": training,
        "version": module.VERSION,
        "columns": [str(format_of(source.task).features), str(getattr(module, "FEATURES", ""))],
    }


def tokenizer_identity(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the SHA-256 of a fast tokenizer's settings, without truncation and padding, which its last call left behind."""
    description, special = tokenizer.backend_tokenizer.to_str(), sorted(tokenizer.all_special_ids)
    written = hashlib.sha256(f"{special} {description}".encode()).hexdigest()
    if written not in _identities:
        settings = json.loads(description)
        for setting in ("truncation", "padding"):
            settings.pop(setting, None)
        text = json.dumps([settings, special], sort_keys=True, ensure_ascii=False)
        _identities[written] = hashlib.sha256(text.encode()).hexdigest()
    return _identities[written]


def load_or_build(store: str, identity: Callable[[], dict[str, Any]], build: Callable[[Path | None], Prepared]) -> Prepared:
    """Return the stored examples and features, or call `build` and store its result.

    `build` takes a folder for its files; the result may already lie there, in `examples_file` and `features_file`. None: it
    stays in memory. An empty or read-only `store` keeps nothing. If another process is building the same features, wait for it.
    A stored result that has lost a file is built again.
    """
    if not store:
        return build(None)
    from xstilts.sources import arrow_file

    described = identity()
    paths = ArtifactPaths(Path(store), KIND, fingerprint(described))
    if not _is_complete(paths.folder):
        if os.access(store, os.F_OK) and not os.access(store, os.W_OK):
            return build(None)
        with locked(paths.lock, lambda holder: log.info(f"features: waiting for {holder}")):
            if not _is_complete(paths.folder):
                remove(paths.folder)
                with temporary_folder(paths.folder) as folder:
                    made = build(folder)
                    for rows, file in ((made.examples, examples_file(folder)), (made.features, features_file(folder))):
                        if not file.exists():
                            arrow_file.write(rows, file)
                    publish(folder, paths.folder, {"identity": described, "sizes": made.sizes})
                del made
    return _open(paths.folder)


def _is_complete(folder: Path) -> bool:
    """Return whether the folder holds the features of its name and all files have their sizes; long files are not read."""
    if not is_done(folder):
        return False
    for name, expected in listed_files(folder).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != expected["bytes"]:
            return False
        if expected["bytes"] <= SHORT and hashlib.sha256(path.read_bytes()).hexdigest() != expected["sha256"]:
            return False
    return fingerprint(read_metadata(folder).get("identity", {})) == folder.name


def _open(folder: Path) -> Prepared:
    from xstilts.sources import arrow_file

    examples, features = arrow_file.mapped(examples_file(folder)), arrow_file.mapped(features_file(folder))
    return Prepared(examples, features, read_metadata(folder)["sizes"])


def examples_file(folder: Path) -> Path:
    """The file of the examples in the folder of an artifact."""
    return folder / "examples.arrow"


def features_file(folder: Path) -> Path:
    """The file of the features."""
    return folder / "features.arrow"
