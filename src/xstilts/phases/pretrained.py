"""What determines phase 1, told without loading it: the identity of the pretrained encoder and its tokenizer. No torch."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.babel.world import VERSION
from xstilts.config import DataConfig, ModelConfig
from xstilts.errors import UserError
from xstilts.paths import METADATA
from xstilts.sources import source_name
from xstilts.store.artifacts import read_metadata
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.tasks.declaration import Task

TOKENIZER_FILES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
)


def trains_encoder(model: ModelConfig) -> bool:
    """Whether phase 1 is trained, from the text of `pretraining`: there is neither an encoder nor a tokenizer."""
    return model.name_or_path is None and model.tokenizer is None


def encoder_identity(model: ModelConfig, cache: Path, tokenizer: str | None = None) -> dict[str, Any]:
    """What the encoder's fingerprint is the hash of: for folders the checksums of their files, for Hub ids the revision.

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
    """What the words and the grammar of the synthetic world follow from, as a hash; None where no task is made by one.

    An encoder knows nothing of another world, whereas more text or other tasks are no other world.
    """
    declared = [task.sources.get(source_name(task, data)) for task in tasks]
    if not any(source is not None and source.generator is not None for source in declared):
        return None
    languages = [[code, without_defaults(replace(language, text=1.0))] for code, language in data.world.languages.items()]
    return fingerprint({"version": VERSION, "seed": data.world.seed, "languages": languages})


def check_world(model: ModelConfig, data: DataConfig, tasks: Iterable[Task]) -> None:
    """UserError where the encoder, an artifact of a store, was pretrained on another synthetic world than the tasks are of."""
    metadata = Path(model.name_or_path or "") / METADATA
    if model.name_or_path is None or not metadata.is_file():
        return
    knows, world = read_metadata(metadata.parent).get("identity", {}).get("world"), world_identity(data, tasks)
    if knows and world and knows != world:
        raise UserError(
            f"the encoder model.name_or_path={model.name_or_path} was pretrained on another synthetic world than data.world: got "
            f"{knows}, expected {world}; leave model.name_or_path out, or choose the world that it knows"
        )


def max_positions(model: ModelConfig) -> int | None:
    """The longest input in subwords, where it can be told without loading the encoder; else None."""
    if model.name_or_path is None:
        return model.tiny.max_position_embeddings - 2
    config = Path(model.name_or_path) / "config.json"
    if not config.is_file():
        return None
    values = json.loads(config.read_text())
    if values.get("model_type") in ("xlm-roberta", "roberta") and values.get("max_position_embeddings"):
        return int(values["max_position_embeddings"]) - int(values.get("pad_token_id", 1)) - 1
    return None


def number_of_layers(model: ModelConfig) -> int | None:
    """The depth of the encoder, where it can be read without loading the encoder; else None."""
    if model.name_or_path is None:
        return model.tiny.num_hidden_layers
    config = Path(model.name_or_path) / "config.json"
    found = json.loads(config.read_text()).get("num_hidden_layers") if config.is_file() else None
    return int(found) if found else None


def _place(name: str | None, revision: str | None, cache: Path) -> dict[str, Any]:
    if name is None:
        raise UserError("model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)")
    folder = Path(name)
    if not folder.is_dir():
        if folder.is_absolute() or name.startswith(".") or name.count("/") > 1:
            raise UserError(
                f"there is no folder '{name}': expected a Hugging Face encoder's or tokenizer's folder, or a Hub id OWNER/NAME"
            )
        return {"hub": name, "revision": revision}
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    names = [*TOKENIZER_FILES, "config.json", *(path.name for path in weights)]
    found = {name: file_sha256(folder / name, cache) for name in names if (folder / name).is_file()}
    if not found:
        raise UserError(
            f"the folder '{name}' holds no encoder and no tokenizer: "
            "expected config.json and model.safetensors, or tokenizer.json"
        )
    return {"files": found}
