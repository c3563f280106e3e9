"""Logits of a label for each text or pair, by the encoder type's class for sequence classification.

Legend: B rows, C classes.
"""

from typing import cast

from torch import Tensor
from torch.nn import functional

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.models.heads.class_head import ClassHead


class ClassificationHead(ClassHead):
    """labels_B (int64, -100: no gold) from hidden_BLD; logits_BC."""

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BC."""
        return cast(Tensor, self.read(encoder, batch).logits)

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy summed over the labelled rows."""
        return functional.cross_entropy(self(encoder, batch), batch["labels"], ignore_index=-100, reduction="sum")

    def items(self, batch: Batch) -> float:
        """Labelled rows."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`logits`, float32 (C,), for each row."""
        return [{"logits": row} for row in self(encoder, batch).float().cpu().numpy()]
