"""Bytes of a device's memory that a training step holds at most, computed from config.json, for encoders like BERT and XLM-R.

The model's weights, their gradients and AdamW's two moments have 4 bytes a number each. What is kept for the backward pass grows
with the tokens of a micro-batch: with gradient checkpointing (Chen et al. 2016, arXiv 1604.06174) the inputs of all layers and
the inside of one, without it the inside of all. The numbers of copies below are those of transformers' layers; the test of this
module holds them against what a training really holds. What is not the step's is left out: the CUDA context, and the logits of
masked language modelling.

Legend: T tokens of a micro-batch, L of its longest row, D hidden size, F width of the feed-forward part.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True)
class Footprint:
    """Bytes, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    """AdamW's moments."""
    casts: int
    """bfloat16 copies of the layers' matrices, which autocast keeps for a step."""
    largest_gradient: int
    """Gradient of the largest matrix in a second micro-batch, before it is added to that of the first."""
    activations: int

    @property
    def total(self) -> int:
        """The sum."""
        return sum(astuple(self))


def footprint(
    config: Mapping[str, Any],
    tokens: int = 2048,
    longest: int = 512,
    precision: str = "bf16-mixed",
    gradient_checkpointing: bool = False,
    rows: int | None = None,
) -> Footprint:
    """The most that a step holds of an encoder with this config.json and a head for classification.

    `tokens`: `trainer.max_tokens`, T; `longest`: L; `rows`: word embeddings that are trained, where the vocabulary is trimmed;
    None: all of the vocabulary.
    """
    width, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    words = (config["vocab_size"] if rows is None else rows) * width
    of_layers = layers * (4 * width * (width + 1) + 2 * width * inner + inner + width + 4 * width)
    head = width * (width + 1)
    positions = (config["max_position_embeddings"] + (config.get("type_vocab_size") or 0) + 2) * width
    weights = 4 * (words + positions + of_layers + head)
    half = precision == "bf16-mixed"
    product = 2 if half else 4  # bytes of what a matrix product reads and gives
    # Of each token: what the six matrix products read and give, with and without padding (in bfloat16 their inputs are copies);
    # sums and norms, in float32; and the places that dropout keeps.
    kept = product * ((12 if half else 8) * width + 2 * inner) + 4 * 4 * width + 2 * width
    scores = config["num_attention_heads"] * longest * (product + 1)
    passing = product * (4 * width + 2 * inner) + 4 * 4 * width + 2 * scores  # gradients that are on their way
    inside = kept + scores
    stack = layers * 4 * width + inside if gradient_checkpointing else layers * inside
    embedded = 4 * 5 * width
    return Footprint(
        weights=weights,
        gradients=weights,
        optimizer=2 * weights,
        casts=2 * (of_layers + head) if half else 0,
        largest_gradient=4 * max(words, width * inner),
        activations=tokens * (stack + passing + embedded),
    )
