"""A trained encoder and its heads as a folder that Hugging Face's classes load and that the next phase starts from.

The folder itself is a checkpoint of the first head's Hugging Face class (`AutoModelForSequenceClassification` and so on), or of
the bare encoder where Hugging Face has no such head. With several heads each has a folder `heads/<name>/` that shares the
encoder's weights with it. `heads.safetensors` holds all heads and the pooler under their own names: what phases hand on.
"""

import json
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Head
from xstilts.paths import HEADS
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of


def export(
    folder: Path, encoder: Encoder, heads: dict[str, tuple[Task, nn.Module]], tokenizer: PreTrainedTokenizerBase
) -> list[str]:
    """Write the artifact's weights into `folder`; returns the Hugging Face classes that load it, one per head that has one."""
    own = {f"head.{name}.{key}": value for name, (_, head) in heads.items() for key, value in head.state_dict().items()}
    if encoder.pooler is not None:
        own |= {f"pooler.{key}": value for key, value in encoder.pooler.state_dict().items()}
    save_file({key: value.detach().contiguous().cpu() for key, value in own.items()}, folder / HEADS)
    _save_tokenizer(tokenizer, encoder, folder)
    models = [(name, model) for name, (task, head) in heads.items() if (model := _hugging_face(encoder, task, head)) is not None]
    if not models:
        encoder.backbone.save_pretrained(folder)
        return [type(encoder.backbone).__name__]
    first = models[0][1]
    first.save_pretrained(folder, max_shard_size="1TB")  # one file: the heads' folders refer to it
    if len(models) > 1:
        for name, model in models:
            _save_sharing_the_encoder(folder, name, model, set(encoder.backbone.state_dict()))
    return [type(model).__name__ for _, model in models]


def auto_class(format: Format) -> Any:
    """The class of transformers that loads a head of the format; None if there is none."""
    return getattr(transformers, f"AutoModelFor{format.transformers}") if format.transformers else None


def load_heads(folder: Path) -> dict[str, Tensor]:
    """The heads and the pooler of an artifact, under their own names."""
    return load_file(folder / HEADS)


def restore_head(saved: dict[str, Tensor], head: nn.Module) -> bool:
    """Load every parameter of the artifact's only head into `head`, whatever its name; False if the artifact has none."""
    names = {key.split(".")[1] for key in saved if key.startswith("head.")}
    assert len(names) <= 1, f"one head expected, got {sorted(names)}"
    if not names:
        return False
    prefix = f"head.{names.pop()}."
    head.load_state_dict({key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)})
    return True


def restore_pooler(saved: dict[str, Tensor], encoder: Encoder) -> bool:
    """Load the artifact's pooler into the encoder's; False if either has none."""
    mine = {key.removeprefix("pooler."): value for key, value in saved.items() if key.startswith("pooler.")}
    if not mine or encoder.pooler is None:
        return False
    encoder.pooler.load_state_dict(mine)
    return True


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, encoder: Encoder, folder: Path) -> None:
    """Save the tokenizer with the inputs that the encoder takes: `model(**tokenizer(text, pair))` computes what our heads do."""
    tokenizer.save_pretrained(folder)
    names = tokenizer.model_input_names
    if "token_type_ids" in names and not encoder.reads_segments:
        file = folder / "tokenizer_config.json"
        values = json.loads(file.read_text(encoding="utf-8"))
        values["model_input_names"] = [name for name in names if name != "token_type_ids"]
        file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _hugging_face(encoder: Encoder, task: Task, head: nn.Module) -> PreTrainedModel | None:
    """The head's Hugging Face model with our tensors in it; None where that class does not compute what our head computes."""
    auto = auto_class(format_of(task))
    if auto is None or encoder.family.heads == "none":
        return None
    base = f"{encoder.backbone.base_model_prefix}."
    renamed = getattr(head, "transformers_weights", None)
    ours: dict[str, Tensor] | None = renamed(encoder, base) if renamed else dict(head.state_dict())
    if ours is None:
        return None
    config = type(encoder.backbone.config).from_dict(encoder.backbone.config.to_dict())
    if task.labels:
        config.id2label = dict(enumerate(task.labels))
        config.label2id = {label: number for number, label in enumerate(task.labels)}
    try:
        with torch.device("meta"):
            model: PreTrainedModel = auto.from_config(config, dtype=torch.float32, trust_remote_code=False)
    except ValueError:  # transformers has no such head for this kind of encoder
        return None
    if encoder.pooler is not None and cast(Head, head).needs_pooler:
        ours |= {f"{base}pooler.dense.{key}": value for key, value in encoder.pooler.state_dict().items()}
    state = {base + key: value for key, value in encoder.backbone.state_dict().items()}
    if encoder.pooler is not None:  # of a phase before: there is a place for it, if no use
        state |= {f"{base}pooler.dense.{key}": value for key, value in encoder.pooler.state_dict().items()}
    state |= ours
    wanted = model.state_dict()
    if not set(ours) <= set(wanted) <= set(state) or any(value.shape != state[key].shape for key, value in wanted.items()):
        return None
    model.load_state_dict({key: state[key].detach().cpu() for key in wanted}, assign=True)
    model.tie_weights()
    return model


def _save_sharing_the_encoder(folder: Path, name: str, model: PreTrainedModel, shared: set[str]) -> None:
    """`heads/<name>/`: a sharded checkpoint whose encoder shard is the artifact's own `model.safetensors`."""
    place = folder / "heads" / name
    place.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(place)
    base = f"{model.base_model_prefix}."
    state = model.state_dict()
    embeddings = cast(nn.Embedding, model.get_input_embeddings()).weight
    elsewhere = {key for key in state if key.removeprefix(base) in shared and key.startswith(base)}
    tied = {key for key, value in state.items() if key not in elsewhere and value.data_ptr() == embeddings.data_ptr()}
    own = {key: value.contiguous().clone() for key, value in state.items() if key not in elsewhere | tied}
    save_file(own, place / "head.safetensors", metadata={"format": "pt"})
    shards = dict.fromkeys(sorted(elsewhere), "../../model.safetensors") | dict.fromkeys(own, "head.safetensors")
    index = {"metadata": {"total_size": sum(state[key].nbytes for key in shards)}, "weight_map": shards}
    (place / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True))
