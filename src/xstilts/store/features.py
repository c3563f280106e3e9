"""Examples and features, made once and shared by all cells and ranks: an artifact of the kind `features`, read as mapped memory.

The fingerprint is a hash of all that determines them: the raw files' checksums, what the task's declaration says they mean, the
part of them that is taken, the tokenizer, the lengths, and the version of the featurizer. Nothing goes through `Dataset.map`,
whose own cache knows a function by its name only and hands out what an older version of its text made.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.paths import ArtifactPaths, checksum_cache
from xstilts.store.artifacts import is_done, listed, publish, read_metadata, remove, temporary_folder
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.store.identity import data_checksums, task_identity
from xstilts.store.locks import locked

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from xstilts.config import DataConfig
    from xstilts.tasks.declaration import Limits, Task

log = logging.getLogger("xstilts")
KIND = "features"
SCHEMA = 1
"""Raised when the form of what is kept changes."""

SHORT = 100_000
"""Bytes of a file that is read to see whether it is what was written."""

_identities: dict[str, str] = {}
"""Checksum of a tokenizer as it is written -> its identity. XLM-R's 250,000 pieces take a second or two to put in order."""


@dataclass(frozen=True)
class Prepared:
    """Examples of a task and their features."""

    examples: "Dataset"
    features: "Dataset"
    sizes: list[int]
    """Examples of each part."""


def feature_identity(
    task: "Task",
    data: "DataConfig",
    parts: list[tuple[str, list[str]]],
    taken: dict[str, Any],
    tokenizer: "PreTrainedTokenizerBase",
    limits: "Limits",
    training: bool,
    store: str,
) -> dict[str, Any]:
    """What the features are the result of. `parts`: split expressions, each with its languages in order; `taken`: how much."""
    from xstilts.data.featurizers import featurizer
    from xstilts.sources import parse_split, source_name
    from xstilts.tasks.formats import format_of

    module = featurizer(task.format)
    cache = checksum_cache(Path(store)) if store else None
    expected = task.sources[source_name(task, data)].expect if data.expect else {}
    files = [data_checksums(task, data, [parse_split(split)[0]], languages, cache) for split, languages in parts]
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "task": task_identity(task, source_name(task, data)),
        "parts": [[split, languages, checksums] for (split, languages), checksums in zip(parts, files, strict=True)],
        "taken": taken,
        "expected": {split: without_defaults(told) for split, told in expected.items()},  # it was held against it, or not
        "tokenizer": tokenizer_identity(tokenizer),
        "limits": without_defaults(limits),
        "training": training,
        "version": module.VERSION,
        "columns": [str(format_of(task).features), str(getattr(module, "FEATURES", ""))],
    }


def tokenizer_identity(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The SHA-256 of all that a fast tokenizer does with a text; not of how its last call cut and padded."""
    description, special = tokenizer.backend_tokenizer.to_str(), sorted(tokenizer.all_special_ids)
    written = hashlib.sha256(f"{special} {description}".encode()).hexdigest()
    if written not in _identities:
        settings = json.loads(description)
        for setting in ("truncation", "padding"):
            settings.pop(setting, None)
        text = json.dumps([settings, special], sort_keys=True, ensure_ascii=False)
        _identities[written] = hashlib.sha256(text.encode()).hexdigest()
    return _identities[written]


def prepared(store: str, identity: Callable[[], dict[str, Any]], build: Callable[[], Prepared]) -> Prepared:
    """What `build` gives, from the store if it was built before; an empty `store` means: do not keep it, as does a read-only one.

    Whoever comes while another process builds waits for it. What was kept and has lost a file is built again.
    """
    if not store:
        return build()
    described = identity()
    paths = ArtifactPaths(Path(store), KIND, fingerprint(described))
    if not _whole(paths.folder):
        if os.path.exists(store) and not os.access(store, os.W_OK):
            return build()
        with locked(paths.lock, lambda holder: log.info(f"features: waiting for {holder}")):
            if not _whole(paths.folder):
                remove(paths.folder)
                with temporary_folder(paths.folder) as folder:
                    made = build()
                    made.examples.save_to_disk(str(folder / "examples"))
                    made.features.save_to_disk(str(folder / "features"))
                    publish(folder, paths.folder, {"identity": described, "sizes": made.sizes})
                del made
    return _open(paths.folder)


def _whole(folder: Path) -> bool:
    """Whether all files are there in their size and the folder holds the features of its name. What is long is not read."""
    if not is_done(folder):
        return False
    for name, expected in listed(folder).items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != expected["bytes"]:
            return False
        if expected["bytes"] <= SHORT and hashlib.sha256(path.read_bytes()).hexdigest() != expected["sha256"]:
            return False
    return fingerprint(read_metadata(folder).get("identity", {})) == folder.name


def _open(folder: Path) -> Prepared:
    from datasets import load_from_disk

    return Prepared(
        load_from_disk(str(folder / "examples"), keep_in_memory=False),
        load_from_disk(str(folder / "features"), keep_in_memory=False),
        read_metadata(folder)["sizes"],
    )
