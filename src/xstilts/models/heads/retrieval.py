"""Sentence embeddings from any layer, and a dual encoder trained with an in-batch softmax.

Legend: B queries (training) or texts (evaluation), L tokens, D hidden size.
Training follows LAReQA's code in google-research/xtreme: cosine times a learned scale that starts at 100, cross-entropy of each
query over the candidates of its step (on all devices), one direction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.tasks.declaration import Task


def pool(hidden_BLD: Tensor, attention_mask_BL: Tensor, pooling: str, encoder: Encoder) -> Tensor:
    """vector_BD: `mean` over all tokens that are not padding (special ones included), `cls`, `last`, or through the `pooler`."""
    if pooling == "cls":
        return hidden_BLD[:, 0]
    if pooling == "last":
        return hidden_BLD[torch.arange(len(hidden_BLD), device=hidden_BLD.device), attention_mask_BL.sum(1) - 1]
    if pooling == "pooler":
        return encoder.first_token(hidden_BLD)
    mask_BL1 = attention_mask_BL[..., None].to(hidden_BLD.dtype)
    return (hidden_BLD * mask_BL1).sum(1) / mask_BL1.sum(1)


def layers_to_pool(hyperparameters: Hyperparameters, num_layers: int) -> list[int]:
    """The layers in the hyperparameters, or the published layer of a 24-layer encoder scaled to this encoder's depth.

    Raises UserError for a layer that the encoder does not have.
    """
    asked = hyperparameters.retrieval_layers
    if not asked:
        return [round((hyperparameters.retrieval_layer_of_24 or 24) * num_layers / 24)]
    for layer in asked:
        if not 0 <= layer <= num_layers:
            raise UserError(
                f"retrieval_layers: got layer {layer}, expected 0 to {num_layers}, the depth of this encoder; "
                "type target.recipe.retrieval_layers=[...]"
            )
    return list(asked)


@contextmanager
def without_layers_above(layer: int, encoder: Encoder) -> Iterator[None]:
    """Leave out the layers above hidden state `layer`, where the type of encoder allows it; the states below stay the same."""
    if not encoder.family.plain_stack:
        yield
        return
    stack = cast(Any, encoder.backbone.encoder)
    layers = stack.layer
    stack.layer = layers[: max(1, layer)]  # of none, not even the embeddings would come back
    try:
        yield
    finally:
        stack.layer = layers


class RetrievalHead(nn.Module):
    """Rows are B queries followed by their B candidates (input_ids_2BL) in training, B texts in evaluation."""

    contrastive = True
    whole_vocabulary = False

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.layers = layers_to_pool(hyperparameters, encoder.num_layers)
        self.poolings = list(hyperparameters.retrieval_pooling or ["mean"])
        self.needs_pooler = "pooler" in self.poolings
        self.log_scale = nn.Parameter(torch.tensor(100.0).log())

    def vectors(self, encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
        """`layer-pooling` -> vector_BD, all from one pass of the encoder."""
        mask_BL = batch["attention_mask"]
        with without_layers_above(max(self.layers), encoder):
            states = encoder.hidden_states(batch["input_ids"], mask_BL, self.layers, batch.get("places"))
        return {
            f"{layer}-{pooling}": pool(states[layer], mask_BL, pooling, encoder)
            for layer in self.layers
            for pooling in self.poolings
        }

    def pairs(self, encoder: Encoder, batch: Batch) -> Tensor:
        """pairs_B2D, float32: each query and its candidate, of length 1."""
        vector_RD = next(iter(self.vectors(encoder, batch).values()))
        return torch.stack(functional.normalize(vector_RD.float(), dim=-1).chunk(2), dim=1)

    def loss_of(self, pairs_B2D: Tensor) -> Tensor:
        """Cross-entropy of each query's candidate among all candidates, summed over queries."""
        query_BD, candidate_BD = pairs_B2D.unbind(1)
        logits_BB = self.log_scale.exp() * query_BD @ candidate_BD.T
        return functional.cross_entropy(logits_BB, torch.arange(len(logits_BB), device=logits_BB.device), reduction="sum")

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """`loss_of` for the queries of one batch, among its candidates."""
        return self.loss_of(self.pairs(encoder, batch))

    def items(self, batch: Batch) -> float:
        """Queries."""
        return len(batch["input_ids"]) / 2

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """One float32 (D,) vector per `layer-pooling` for each text."""
        vectors = {name: vector_BD.float().cpu().numpy() for name, vector_BD in self.vectors(encoder, batch).items()}
        return [{name: matrix[row] for name, matrix in vectors.items()} for row in range(len(batch["input_ids"]))]
