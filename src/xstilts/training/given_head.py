"""Load the head that a checkpoint of transformers has for a task."""

import logging

from torch import nn

from xstilts.export.checkpoint import load_checkpoint_head
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import GivenHead
from xstilts.models.encoder import Encoder
from xstilts.models.heads import build_head
from xstilts.tasks.declaration import Task

log = logging.getLogger("xstilts")


def load_given_head(given: GivenHead, task: Task, encoder: Encoder, values: Hyperparameters) -> nn.Module:
    """The checkpoint's head for the task, with the outputs of the task's labels in their order; a pooler goes to the encoder.

    UserError where the checkpoint lacks weights of the head, or its class has no head like ours.
    """
    head = build_head(task, encoder, values)
    load_checkpoint_head(given.folder, head, encoder, given.outputs or None)
    if given.matching:
        log.info(f"{task.name}: labels of {given.folder}: {given.matching}")
    return head
