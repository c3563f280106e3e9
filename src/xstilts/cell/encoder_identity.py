"""Identity of the pretrained encoder and its tokenizer (phase 1), computed without loading them. No torch."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts import encoders
from xstilts.babel.world import VERSION
from xstilts.config import DataConfig, ModelConfig
from xstilts.errors import UserError
from xstilts.paths import METADATA
from xstilts.sources import source_name
from xstilts.store.artifacts import read_metadata
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.tasks.declaration import Task

log = logging.getLogger("xstilts")


def trains_encoder(model: ModelConfig) -> bool:
    """Return whether phase 1 is trained, from the text of `pretraining`: there is neither an encoder nor a tokenizer."""
    return model.name_or_path is None and model.tokenizer is None


def encoder_identity(model: ModelConfig, cache: Path, tokenizer: str | None = None) -> dict[str, Any]:
    """Return the content of the encoder's fingerprint: checksums of the files of folders, revisions of Hub ids.

    `tokenizer`: the fingerprint of the one that is, or will be, trained for it.
    """
    identity: dict[str, Any] = {
        "kind": "encoder",
        "tokenizer": {"trained": tokenizer}
        if tokenizer
        else _place(model.tokenizer or model.name_or_path, model.revision, cache),
    }
    if model.name_or_path is None:
        return identity | {"architecture": "tiny", "tiny": without_defaults(model.tiny)}
    return identity | {"weights": _place(model.name_or_path, model.revision, cache)}


def world_identity(data: DataConfig, tasks: Iterable[Task]) -> str | None:
    """Return a hash of the words and grammar of the synthetic world; None if it generates none of the tasks.

    An encoder knows nothing of another world, whereas more text or other tasks are no other world.
    """
    declared = [task.sources.get(source_name(task, data)) for task in tasks]
    if not any(source is not None and source.generator is not None for source in declared):
        return None
    languages = [[code, without_defaults(replace(language, text=1.0))] for code, language in data.world.languages.items()]
    return fingerprint({"version": VERSION, "seed": data.world.seed, "languages": languages})


def check_world(model: ModelConfig, data: DataConfig, tasks: Iterable[Task]) -> None:
    """UserError where the encoder, an artifact of a store, was pretrained on another synthetic world than the tasks are of."""
    folder = folder_of(model.name_or_path)
    if folder is None or not (metadata := folder / METADATA).is_file():
        return
    knows, world = read_metadata(metadata.parent).get("identity", {}).get("world"), world_identity(data, tasks)
    if knows and world and knows != world:
        raise UserError(
            f"the encoder model.name_or_path={model.name_or_path} was pretrained on another synthetic world than data.world: got "
            f"{knows}, expected {world}; leave model.name_or_path out, or choose the world that it knows"
        )


def folder_of(name: str | None) -> Path | None:
    """The folder of an encoder or a tokenizer; None for a Hub id. Raises UserError for a path that is no folder."""
    if name is None or not encoders.is_path(name):
        return None
    folder = encoders.local_path(name)
    if not folder.is_dir():
        raise UserError(
            f"there is no folder '{name}': expected a Hugging Face encoder's or tokenizer's folder, or a Hub id OWNER/NAME"
        )
    return folder


def config_of(model: ModelConfig) -> dict[str, Any] | None:
    """The config.json of the encoder's folder; None where it is on the Hub, is `tiny`, or has none."""
    folder = folder_of(model.name_or_path)
    return encoders.read_config(folder) if folder else None


def readable_config(model: ModelConfig) -> dict[str, Any]:
    """The encoder's config.json; empty where it cannot be read, which `encoder_checks` reports."""
    try:
        return config_of(model) or {}
    except UserError:
        return {}


def weights_in(folder: Path) -> list[Path]:
    """The files with an encoder's weights."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def max_positions(model: ModelConfig) -> int | None:
    """The longest input in tokens; None without a limit, or where the encoder is not on this disk."""
    if model.name_or_path is None:
        return model.tiny.max_position_embeddings - 2
    return encoders.longest_input(readable_config(model))


def number_of_layers(model: ModelConfig) -> int | None:
    """The depth of the encoder; None where it is not on this disk."""
    return model.tiny.num_hidden_layers if model.name_or_path is None else encoders.depth(readable_config(model))


def with_attention_used(model: ModelConfig) -> ModelConfig:
    """The model with `eager` in place of `sdpa` where its type has no SDPA attention."""
    used = encoders.attention_used(model.attention, readable_config(model))
    if used != model.attention:
        _note_attention(model.name_or_path or "", used)
    return replace(model, attention=used)


@lru_cache
def _note_attention(name: str, used: str) -> None:
    """Log the replacement once for each encoder."""
    log.info(f"{name} has no SDPA attention; model.attention={used} is used")


def _place(name: str | None, revision: str | None, cache: Path) -> dict[str, Any]:
    if name is None:
        raise UserError("model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)")
    folder = folder_of(name)
    if folder is None:
        return {"hub": name, "revision": revision}
    weights = {path.name for path in weights_in(folder)}
    files = sorted(path for path in folder.iterdir() if path.is_file())
    read = [path for path in files if path.name in {"config.json", *weights} or encoders.is_tokenizer_file(path.name)]
    if not read:
        raise UserError(
            f"the folder '{name}' holds no encoder and no tokenizer: "
            "expected config.json and model.safetensors, or tokenizer.json"
        )
    return {"files": {path.name: file_sha256(path, cache) for path in read}}
