"""Train only those rows of the word embeddings that the phase's data looks up.

The other rows, most of a multilingual encoder's weights, have gradient zero. AdamW changes such a row by its weight decay alone,
a factor that all of them share. So they need neither gradients nor optimizer states: they are kept in a file and multiplied by
the factor when the matrix is restored.

Legend: V vocabulary, K rows that are kept, D hidden size, B rows of a batch, L tokens.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Head
from xstilts.numbering import counted

OPTIONS = ("max_norm", "norm_type", "scale_grad_by_freq", "sparse")
"""Options of `nn.Embedding` besides `padding_idx`."""


class TrimmedEmbedding(nn.Module):
    """An `nn.Embedding` of which only the rows `kept_K` (int64, rising) are left; takes the same ids, and refuses the others."""

    kept_K: Tensor
    row_of_V: Tensor
    decayed: Tensor
    """The share that weight decay has removed from a row without gradient; the share that is left is too near 1 for float32.
    It is saved with the weights, in checkpoints and in the best weights."""

    def __init__(self, whole: nn.Embedding, kept_K: Tensor) -> None:
        super().__init__()
        row_of_V = torch.full((whole.num_embeddings,), -1, dtype=torch.int32)  # -1 is out of range for the look-up
        row_of_V[kept_K] = torch.arange(len(kept_K), dtype=torch.int32)
        self.weight = nn.Parameter(whole.weight.detach()[kept_K], requires_grad=whole.weight.requires_grad)
        self.register_buffer("kept_K", kept_K)
        self.register_buffer("row_of_V", row_of_V, persistent=False)
        self.register_buffer("decayed", torch.zeros(()))
        self.padding_id = whole.padding_idx
        padding_row = -1 if whole.padding_idx is None else int(row_of_V[whole.padding_idx])
        self.padding_row = None if padding_row < 0 else padding_row
        self.options: dict[str, Any] = {name: getattr(whole, name) for name in OPTIONS}

    def forward(self, input_ids_BL: Tensor) -> Tensor:
        """embedded_BLD. IndexError for an id whose row is not there."""
        return functional.embedding(self.row_of_V[input_ids_BL], self.weight, padding_idx=self.padding_row, **self.options)


def word_embedding(encoder: Encoder) -> nn.Module:
    """The module that looks words up, trimmed or whole."""
    return encoder.backbone.get_input_embeddings()


def obstacle(encoder: Encoder, heads: Iterable[nn.Module]) -> str | None:
    """Return why the result would not be the same, as the end of a sentence; None where it would."""
    if any(cast(Head, head).whole_vocabulary for head in heads):
        return "a head needs all word embeddings (that of the format mlm is tied to them)"
    whole = word_embedding(encoder)
    if type(whole) is not nn.Embedding:  # a subclass may do more than look up
        return f"the word embeddings of this encoder are a {type(whole).__name__}, not an Embedding"
    places = [name for name, weight in encoder.named_parameters(remove_duplicate=False) if weight is whole.weight]
    return None if len(places) == 1 else f"the word embeddings of this encoder are used in {counted(len(places), 'place')}"


def write_rows(encoder: Encoder, file: Path) -> None:
    """Write the whole matrix, for `restore`.

    It is read from there and not from where the encoder came from, which weeks later may be gone, or another revision.
    """
    with file.open("wb") as opened:
        np.save(opened, encoder.word_embeddings.detach().cpu().numpy())  # straight from its memory, without a copy


def trim(encoder: Encoder, kept_K: Tensor) -> None:
    """Leave the encoder only the rows `kept_K`."""
    encoder.backbone.set_input_embeddings(TrimmedEmbedding(cast(nn.Embedding, word_embedding(encoder)), kept_K))


def restore(encoder: Encoder, file: Path) -> None:
    """Restore the whole matrix of an encoder that was trimmed; rows that were not trained come from `file`."""
    trimmed = word_embedding(encoder)
    if not isinstance(trimmed, TrimmedEmbedding):
        return
    matrix_VD = torch.from_numpy(np.load(file)).to(trimmed.weight.device)
    matrix_VD *= 1 - trimmed.decayed.item()
    matrix_VD[trimmed.kept_K] = trimmed.weight.detach()
    fixed = not trimmed.weight.requires_grad
    encoder.backbone.set_input_embeddings(
        nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            matrix_VD, freeze=fixed, padding_idx=trimmed.padding_id, **trimmed.options
        )
    )


def kept_in(checkpoint: Path, encoder: Encoder) -> Tensor | None:
    """The rows that the training of this checkpoint kept, int64 (K,); None if it was not trimmed. The encoder is still whole."""
    whole = word_embedding(encoder)
    (name,) = (name for name, module in encoder.named_modules() if module is whole)
    state = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)["state_dict"]
    kept_K: Tensor | None = state.get(f"encoder.{name}.kept_K")
    return None if kept_K is None else kept_K.clone()


def follow_decay(adam: Optimizer, encoder: Encoder) -> None:
    """Record in each later step the share that weight decay removes from a row without gradient."""
    trimmed = word_embedding(encoder)
    if not isinstance(trimmed, TrimmedEmbedding):
        return

    def note(*_: Any) -> None:
        for group in adam.param_groups:
            if any(parameter is trimmed.weight for parameter in group["params"]):
                trimmed.decayed += (1 - trimmed.decayed) * (group["lr"] * group["weight_decay"])

    adam.register_step_post_hook(note)


def gradient_bytes(module: nn.Module) -> int:
    """Bytes of the gradients of all parameters, the most that processes exchange in a step."""
    return sum(parameter.nbytes for parameter in module.parameters() if parameter.requires_grad)
