"""Logits of a tag for each word's first token, by the encoder type's class for token classification.

Legend: B pieces of sentences, L tokens, T tags.
"""

from typing import cast

from torch import Tensor
from torch.nn import functional

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.models.heads.class_head import ClassHead


class TaggingHead(ClassHead):
    """labels_BL (int64, -100 on all but the first tokens of labelled words) from hidden_BLD."""

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BLT."""
        return cast(Tensor, self.read(encoder, batch).logits)

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy summed over the labelled words."""
        logits_BLT = self(encoder, batch)
        return functional.cross_entropy(logits_BLT.flatten(0, 1), batch["labels"].flatten(), ignore_index=-100, reduction="sum")

    def items(self, batch: Batch) -> float:
        """Labelled words."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """For each word of a piece `tags` (int64), the index of its best tag, and `probability` (float32), that of the tag."""
        logits_BLT = self(encoder, batch)
        tag_BL = logits_BLT.argmax(-1).cpu().numpy()
        probability_BL = logits_BLT.float().softmax(-1).amax(-1).cpu().numpy()
        return [
            {"tags": tag_BL[row, positions], "probability": probability_BL[row, positions]}
            for row, positions in enumerate(batch["word_positions"])
        ]
