"""Load the head that a checkpoint of transformers has for a task."""

import logging
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from xstilts.config import Hyperparameters
from xstilts.errors import UserError
from xstilts.export import checkpoint
from xstilts.jobs import GivenHead
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Head, build_head
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of

log = logging.getLogger("xstilts")


def load_given_head(given: GivenHead, task: Task, encoder: Encoder, values: Hyperparameters) -> nn.Module:
    """The checkpoint's head for the task, with the outputs of the task's labels in their order; a pooler goes to the encoder.

    UserError where the checkpoint lacks weights of the head, or its class has no head like ours.
    """
    head = build_head(task, encoder, values)
    if cast(Head, head).needs_pooler:
        encoder.add_pooler()
    wanted = _weights(head, encoder)
    if wanted is None:
        raise UserError(f"model.name_or_path={given.folder}: no {format_of(task).name} head of this type of encoder can be read")
    saved, missing = _saved(given.folder, task)
    if lost := [key for key in wanted if key in missing or key not in saved]:
        raise UserError(f"model.name_or_path={given.folder} lacks weights of its head, for instance {lost[0]}")
    other = _weights(build_head(replace(task, labels=[*task.labels, ""]), encoder, values), encoder) or {}
    with torch.no_grad():
        for key, weight in wanted.items():
            of_labels = weight.shape != other[key].shape
            weight.copy_(saved[key][given.outputs] if of_labels else saved[key])
    if given.matching:
        log.info(f"{task.name}: labels of {given.folder}: {given.matching}")
    return head


def _weights(head: nn.Module, encoder: Encoder) -> dict[str, Tensor] | None:
    """The head's weights, and those of the pooler that it reads, by their names in transformers' class; None if there is none."""
    base = f"{encoder.backbone.base_model_prefix}."
    renamed = getattr(head, "transformers_weights", None)
    weights: dict[str, Tensor] | None = renamed(encoder, base) if renamed else dict(head.state_dict())
    if weights is not None and encoder.pooler is not None and cast(Head, head).needs_pooler:
        weights |= {f"{base}pooler.dense.{key}": value for key, value in encoder.pooler.state_dict().items()}
    return weights


def _saved(folder: str, task: Task) -> tuple[dict[str, Tensor], set[str]]:
    """All weights of the checkpoint, and the names of those that it lacks."""
    auto: Any = checkpoint.auto_class(format_of(task))
    model, report = auto.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True)
    return model.state_dict(), set(report["missing_keys"])
