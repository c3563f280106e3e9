"""A trained encoder and its heads as a folder that Hugging Face's classes load and that the next phase starts from.

The folder itself is a checkpoint of the first head's Hugging Face class (`AutoModelForSequenceClassification` and so on), or of
the bare encoder where Hugging Face has no such head. With several heads each has a folder `heads/<name>/` that shares the
encoder's weights with it. `heads.safetensors` holds all heads and the pooler under their own names: what phases hand on.
"""

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xstilts.models.encoder import Encoder
from xstilts.paths import HEADS
from xstilts.tasks.declaration import Task

# Format -> Hugging Face's class, and what stands before the names of our head's parameters there.
HUGGING_FACE: dict[str, tuple[Any, str]] = {
    "classification": (AutoModelForSequenceClassification, "classifier."),
    "multiple_choice": (AutoModelForMultipleChoice, ""),
    "span_qa": (AutoModelForQuestionAnswering, ""),
    "tagging": (AutoModelForTokenClassification, ""),
    "mlm": (AutoModelForMaskedLM, "lm_head."),
}


def export(
    folder: Path, encoder: Encoder, heads: dict[str, tuple[Task, nn.Module]], tokenizer: PreTrainedTokenizerBase
) -> list[str]:
    """Write the artifact's weights into `folder`; returns the Hugging Face classes that load it, one per head that has one."""
    own = {f"head.{name}.{key}": value for name, (_, head) in heads.items() for key, value in head.state_dict().items()}
    if encoder.pooler is not None:
        own |= {f"pooler.{key}": value for key, value in encoder.pooler.state_dict().items()}
    save_file({key: value.detach().contiguous().cpu() for key, value in own.items()}, folder / HEADS)
    tokenizer.save_pretrained(folder)
    models = [(name, model) for name, (task, head) in heads.items() if (model := _hugging_face(encoder, task, head)) is not None]
    if not models:
        encoder.backbone.save_pretrained(folder)
        return [type(encoder.backbone).__name__]
    first = models[0][1]
    first.save_pretrained(folder, max_shard_size="1TB")  # one file: the heads' folders refer to it
    if len(models) > 1:
        for name, model in models:
            _save_sharing_the_encoder(folder, name, model, set(first.base_model.state_dict()))
    return [type(model).__name__ for _, model in models]


def load_heads(folder: Path) -> dict[str, Tensor]:
    """The heads and the pooler of an artifact, under their own names."""
    return load_file(folder / HEADS)


def restore_head(saved: dict[str, Tensor], head: nn.Module) -> None:
    """Load the artifact's only head into `head`, whatever its name."""
    names = {key.split(".")[1] for key in saved if key.startswith("head.")}
    assert len(names) == 1, f"one head expected, got {sorted(names)}"
    prefix = f"head.{names.pop()}."
    head.load_state_dict({key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)})


def restore_pooler(saved: dict[str, Tensor], encoder: Encoder) -> None:
    """Give the encoder the artifact's pooler, if it has one and the encoder wants one."""
    mine = {key.removeprefix("pooler."): value for key, value in saved.items() if key.startswith("pooler.")}
    if mine and encoder.pooler is not None:
        encoder.pooler.load_state_dict(mine)


def _hugging_face(encoder: Encoder, task: Task, head: nn.Module) -> PreTrainedModel | None:
    """The head's Hugging Face model with our tensors in it, or None where that class does not fit the weights exactly."""
    if task.format not in HUGGING_FACE:
        return None
    auto, prefix = HUGGING_FACE[task.format]
    config = type(encoder.backbone.config).from_dict(encoder.backbone.config.to_dict())
    if task.labels:
        config.id2label = dict(enumerate(task.labels))
        config.label2id = {label: number for number, label in enumerate(task.labels)}
    try:
        with torch.device("meta"):
            model: PreTrainedModel = auto.from_config(config, dtype=torch.float32)
    except ValueError:  # transformers has no such head for this kind of encoder
        return None
    base = f"{model.base_model_prefix}."
    state = {base + key: value for key, value in encoder.backbone.state_dict().items()}
    if encoder.pooler is not None:
        state |= {f"{base}pooler.dense.{key}": value for key, value in encoder.pooler.state_dict().items()}
    state |= {prefix + key: value for key, value in head.state_dict().items()}
    if prefix == "lm_head.":
        state |= {"lm_head.decoder.weight": encoder.word_embeddings, "lm_head.decoder.bias": head.state_dict()["bias"]}
    wanted = set(model.state_dict())
    if not wanted <= set(state) or any(model.state_dict()[key].shape != state[key].shape for key in wanted):
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
