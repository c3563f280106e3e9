"""A scalar score per choice, by the encoder type's class for multiple choice.

The choices of an example share one softmax and all are encoded in one call.
Legend: B examples, R rows (all choices of all examples), K most choices of an example.
"""

import torch
from torch import Tensor
from torch.nn import functional

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.models.heads.class_head import ClassHead


class MultipleChoiceHead(ClassHead):
    """labels_B (int64 index of the choice, -100: no gold) from hidden_RLD; logits_BK, -inf where an example has fewer choices."""

    choices = True

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BK."""
        score_R = self.read(encoder, batch).logits.squeeze(-1)
        counts_B = batch["choice_counts"]
        width = int(counts_B.max())
        present_BK = torch.arange(width, device=score_R.device) < counts_B[:, None]
        logits_BK: Tensor = score_R.new_full(present_BK.shape, float("-inf")).masked_scatter(present_BK, score_R)
        return logits_BK

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy over the choices, summed over the labelled examples."""
        return functional.cross_entropy(self(encoder, batch), batch["labels"], ignore_index=-100, reduction="sum")

    def items(self, batch: Batch) -> float:
        """Labelled examples."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`logits`, float32 (number of choices,), for each example."""
        logits = self(encoder, batch).float().cpu().numpy()
        counts = batch["choice_counts"].tolist()
        return [{"logits": row[:count]} for row, count in zip(logits, counts, strict=True)]
