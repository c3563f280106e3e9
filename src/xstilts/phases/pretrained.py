"""What determines phase 1, told without loading it: the identity of the pretrained encoder and its tokenizer. No torch."""

import json
from pathlib import Path
from typing import Any

from xstilts.config import ModelConfig
from xstilts.errors import UserError
from xstilts.store.checksums import file_sha256
from xstilts.store.fingerprint import without_defaults

TOKENIZER_FILES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
)


def encoder_identity(model: ModelConfig, cache: Path) -> dict[str, Any]:
    """What the encoder's fingerprint is the hash of: for folders the checksums of their files, for Hub ids the revision."""
    identity: dict[str, Any] = {
        "kind": "encoder",
        "tokenizer": _place(model.tokenizer or model.name_or_path, model.revision, cache),
    }
    if model.name_or_path is None:
        return identity | {"architecture": "tiny", "tiny": without_defaults(model.tiny)}
    return identity | {"weights": _place(model.name_or_path, model.revision, cache)}


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
