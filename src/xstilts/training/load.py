"""Load or make the parts of a model: its encoder, its heads."""

from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from xstilts.config import ModelConfig, TrainerConfig
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models.encoder import Encoder, build_encoder, load_backbone
from xstilts.models.heads import build_head
from xstilts.tasks.declaration import Task, head_name
from xstilts.training.determinism import derived_seed


def load_encoder(
    model: ModelConfig,
    trainer: TrainerConfig,
    tokenizer: PreTrainedTokenizerBase,
    artifact: str | None = None,
    only_embeds: bool = False,
) -> Encoder:
    """Load the encoder of an artifact, or else that of phase 1, and prepare it as `trainer` says.

    `only_embeds`: nothing is trained, so that phase 1 may be a decoder.
    """
    encoder = Encoder(load_backbone(artifact, model.attention)) if artifact else build_encoder(model, tokenizer, only_embeds)
    if trainer.padding_free and model.attention == "sdpa":
        encoder.leave_padding_out()
    if trainer.gradient_checkpointing:
        encoder.checkpoint_layers()
    if trainer.compile:
        encoder.compile_layers()
    return encoder


def check_length(encoder: Encoder, max_length: int | None, task: str) -> None:
    """Refuse a max_length beyond the encoder's positions."""
    if max_length is not None and max_length > encoder.max_length:
        raise UserError(
            f"max_length={max_length} of task {task} is beyond the {encoder.max_length} tokens this encoder has positions for; "
            f"type intermediate.recipe.max_length={encoder.max_length} target.recipe.max_length={encoder.max_length}, or less"
        )


def fresh_heads(
    tasks: Mapping[str, Task], encoder: Encoder, by_task: Mapping[str, Hyperparameters], seed: int
) -> dict[str, tuple[Task, nn.Module]]:
    """Head name -> a head with new weights, drawn by `seed`, and the first task that it belongs to."""
    torch.manual_seed(derived_seed("heads", seed))
    heads: dict[str, tuple[Task, nn.Module]] = {}
    for name, task in tasks.items():
        if head_name(task) in heads:
            _check_shared(heads[head_name(task)][0], task)
        else:
            heads[head_name(task)] = (task, build_head(task, encoder, by_task[name]))
    return heads


def _check_shared(first: Task, second: Task) -> None:
    if (first.format, first.labels) != (second.format, second.labels):
        raise UserError(
            f"tasks {first.name} and {second.name} share the head '{head_name(first)}' but not its format and labels: "
            f"{first.format} {first.labels} and {second.format} {second.labels}"
        )
