"""One module per format: the head, its loss, and its outputs, one row per feature.

Every head is an `nn.Module` with

- `loss_sum(encoder, batch) -> scalar`: the loss summed over the micro-batch's items, so that micro-batches add up exactly;
- `items(batch) -> float`: how many items that sum runs over (examples, labelled words, masked tokens);
- `outputs(encoder, batch) -> list[dict[str, np.ndarray]]`: one dict per feature, in the batch's order, without padding;
- `contrastive`: True where the loss of one item depends on the others of the step, in whatever micro-batch and process they are.
  Such a head has two more parts, which `loss_sum` puts together: `pairs(encoder, batch) -> pairs_B2D`, the vectors of each item,
  which depend on the item alone; and `loss_of(pairs_B2D) -> scalar`, the loss of all items summed;
- `whole_vocabulary`: True where it needs the embeddings of all words, and not only of those that occur.

All but that of retrieval are classes of transformers, see `xstilts.models.heads.class_head`.
"""

from typing import Protocol

import numpy as np
from torch import Tensor, nn

from xstilts.hyperparameters import Hyperparameters
from xstilts.models.encoder import Encoder, initialise
from xstilts.plugins import load_object
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of

HeadOutputs = list[dict[str, np.ndarray]]
Batch = dict[str, Tensor]


class Head(Protocol):
    """The interface that the LightningModule uses."""

    contrastive: bool
    whole_vocabulary: bool
    needs_pooler: bool

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor: ...
    def items(self, batch: Batch) -> float: ...
    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs: ...


class ContrastiveHead(Head, Protocol):
    """A head whose items are compared with each other."""

    def pairs(self, encoder: Encoder, batch: Batch) -> Tensor: ...
    def loss_of(self, pairs_B2D: Tensor) -> Tensor: ...


def build_head(task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> nn.Module:
    """A freshly initialised head for the task's format."""
    head: nn.Module = load_object(format_of(task).head)(task, encoder, hyperparameters)
    initialise(head)
    return head
