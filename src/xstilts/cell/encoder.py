"""Phase 1 without loading it: the encoder's and the tokenizer's places, limits and identity, from names and config.json alone."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts import encoders
from xstilts.babel.world import VERSION
from xstilts.config import Config, DataConfig, ModelConfig
from xstilts.errors import UserError
from xstilts.paths import METADATA
from xstilts.sources import TaskSource
from xstilts.store.artifacts import artifact_of, read_metadata
from xstilts.store.checksums import file_sha256
from xstilts.store.files import read_json_object
from xstilts.store.fingerprint import fingerprint, without_defaults
from xstilts.tasks.formats import format_names, format_of

log = logging.getLogger("xstilts")
NO_TOKENIZER = "model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)"


@dataclass(frozen=True)
class ResolvedEncoder:
    """The encoder of phase 1, as far as this disk and the config show it."""

    model: ModelConfig
    """With the attention that is used, and the weights of all layers where their number is known."""
    trained: bool
    """Phase 1 is trained, from the text of `pretraining`: there is neither an encoder nor a tokenizer."""
    tokenizer: str | None
    """A folder or Hub id; None where phase 1 trains the tokenizer."""
    folder: Path | None
    """The encoder's folder; None where it is on the Hub or random."""
    tokenizer_folder: Path | None
    values: dict[str, Any] | None = None
    """The folder's config.json; None where there is none, or none that can be read."""
    longest_input: int | None = None
    """Tokens; None without a limit, or where the encoder is not on this disk."""
    layers: int | None = None
    """The number of layers; None where the encoder is not on this disk."""
    problem: str = ""
    """The reason why folders or config.json cannot be read."""


def resolve_encoder(model: ModelConfig) -> ResolvedEncoder:
    """Read all that config.json says about the encoder. Raises nothing: `problem` holds what is wrong."""
    tokenizer, folder, tokenizer_folder, problem = model.tokenizer, None, None, ""
    if tokenizer is None and model.name_or_path is not None:
        tokenizer = str(artifact_of(Path(model.name_or_path)) or model.name_or_path)
    values: dict[str, Any] | None = None
    try:
        folder, tokenizer_folder = _folder(model.name_or_path), _folder(tokenizer)
        values = encoders.read_config(folder) if folder else None
    except UserError as error:
        problem = str(error)
    tiny, random, known = model.tiny, model.name_or_path is None, values or {}
    return ResolvedEncoder(
        model=replace(
            model,
            attention=encoders.attention_used(model.attention, known),
            layer_parameters=encoders.layer_parameters(vars(tiny) if random else known) or model.layer_parameters,
        ),
        trained=random and model.tokenizer is None,
        tokenizer=tokenizer,
        folder=folder,
        tokenizer_folder=tokenizer_folder,
        values=values,
        longest_input=tiny.max_position_embeddings - 2 if random else encoders.longest_input(known),
        layers=tiny.num_hidden_layers if random else encoders.depth(known),
        problem=problem,
    )


def _folder(name: str | None) -> Path | None:
    """The folder of an encoder or a tokenizer; None for a Hub id. UserError for a path that is no folder."""
    if name is None or not encoders.is_path(name):
        return None
    folder = encoders.local_path(name)
    if not folder.is_dir():
        raise UserError(
            f"there is no folder '{name}': expected a Hugging Face encoder's or tokenizer's folder, or a Hub id OWNER/NAME"
        )
    return folder


def unsuitable(name: str, values: dict[str, Any] | None, config: Config) -> str | None:
    """The reason why the model `name` with this config.json cannot be the encoder of the cell; None if it can."""
    if values is None:
        return f"model.name_or_path={name} has no config.json; expected {encoders.EXPECTED}"
    task, trained = config.target.task, config.intermediate.tasks or config.target.training
    refusal = encoders.refusal(values, not trained and task.format in format_names() and format_of(task).embeds)
    if refusal:
        return f"model.name_or_path={name} holds {refusal}; expected {encoders.EXPECTED}"
    kind = values.get("model_type")
    refused = config.trainer.gradient_checkpointing and not encoders.family(kind).checkpointing
    return f"model.name_or_path={name}: {encoders.no_checkpointing(kind)}" if refused else None


def weights_in(folder: Path) -> list[Path]:
    """The files with an encoder's weights: those of the index, if there is one, which may lie elsewhere."""
    if (index := folder / "model.safetensors.index.json").is_file():
        names = read_json_object(index, "index of weights", "copy the checkpoint again").get("weight_map")
        places = [folder / str(name) for name in sorted(set(names.values()))] if isinstance(names, dict) else []
        return [path for path in places if path.is_file()]
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


@lru_cache
def note_attention(name: str, used: str) -> None:
    """Log, once for each encoder, that another attention is used than the config asks for."""
    log.info(f"{name} has no SDPA attention; model.attention={used} is used")


def encoder_identity(encoder: ResolvedEncoder, cache: Path, trained_tokenizer: str | None = None) -> dict[str, Any]:
    """The values that the encoder's fingerprint is the hash of: checksums of a folder's files, revision of a Hub id.

    `trained_tokenizer`: the fingerprint of the tokenizer that phase 1 trains.
    """
    model = encoder.model
    if encoder.problem:
        raise UserError(encoder.problem)
    if trained_tokenizer:
        tokenizer: dict[str, Any] = {"trained": trained_tokenizer}
    else:
        tokenizer = _place(encoder.tokenizer, encoder.tokenizer_folder, model.revision, cache)
    if model.name_or_path is None:
        return {"kind": "encoder", "tokenizer": tokenizer, "architecture": "tiny", "tiny": without_defaults(model.tiny)}
    weights = _place(model.name_or_path, encoder.folder, model.revision, cache)
    return {"kind": "encoder", "tokenizer": tokenizer, "weights": weights}


def _place(name: str | None, folder: Path | None, revision: str | None, cache: Path) -> dict[str, Any]:
    if name is None:
        raise UserError(NO_TOKENIZER)
    if folder is None:
        return {"hub": name, "revision": revision}
    files = sorted(path for path in folder.iterdir() if path.is_file())
    read = [path for path in files if path.name == "config.json" or encoders.is_tokenizer_file(path.name)] + weights_in(folder)
    if not read:
        raise UserError(
            f"the folder '{name}' holds no encoder and no tokenizer: "
            "expected config.json and model.safetensors, or tokenizer.json"
        )
    return {"files": {path.name: file_sha256(path, cache) for path in read}}


def world_identity(data: DataConfig, sources: Iterable[TaskSource]) -> str | None:
    """The hash of all that determines the words and the grammar of the synthetic world; None where it makes none of the tasks.

    More text or other tasks of the same words are no other world to an encoder.
    """
    if not any(source.declared.generator for source in sources):
        return None
    languages = [[code, without_defaults(replace(language, text=1.0))] for code, language in data.world.languages.items()]
    return fingerprint({"version": VERSION, "seed": data.world.seed, "languages": languages})


def check_world(encoder: ResolvedEncoder, data: DataConfig, sources: Iterable[TaskSource]) -> None:
    """UserError where the encoder, an artifact of a store, was pretrained on another synthetic world than the tasks are of."""
    if encoder.folder is None:
        return
    artifact = artifact_of(encoder.folder) or encoder.folder
    if not (artifact / METADATA).is_file():
        return
    pretrained, world = read_metadata(artifact).get("identity", {}).get("world"), world_identity(data, sources)
    if pretrained and world and pretrained != world:
        raise UserError(
            f"the encoder model.name_or_path={encoder.model.name_or_path} was pretrained on another synthetic world than "
            f"data.world: got {pretrained}, expected {world}; leave model.name_or_path out, or choose its world"
        )
