"""Start and end scores for every token of a window, by the encoder type's class for question answering.

Legend: B windows, L tokens.
"""

import torch
from torch import Tensor
from torch.nn import functional

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.models.heads.class_head import ClassHead


class SpanHead(ClassHead):
    """start_positions_B and end_positions_B (int64, 0: the answer is not in this window) from hidden_BLD."""

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """start_BL and end_BL, with padding at the lowest float."""
        scores = self.read(encoder, batch)
        padding_BL = batch["attention_mask"] == 0
        start_BL, end_BL = scores.start_logits.float(), scores.end_logits.float()
        lowest = torch.finfo(start_BL.dtype).min
        return start_BL.masked_fill(padding_BL, lowest), end_BL.masked_fill(padding_BL, lowest)

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """The mean of the start and the end cross-entropy, summed over windows (as in run_squad)."""
        start_BL, end_BL = self(encoder, batch)
        start = functional.cross_entropy(start_BL, batch["start_positions"], reduction="sum")
        end = functional.cross_entropy(end_BL, batch["end_positions"], reduction="sum")
        return (start + end) / 2

    def items(self, batch: Batch) -> float:
        """Windows."""
        return float(len(batch["start_positions"]))

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`start` and `end`, float32 (L without padding,), for each window."""
        start_BL, end_BL = (scores.float().cpu().numpy() for scores in self(encoder, batch))
        lengths = batch["attention_mask"].sum(1).tolist()
        return [{"start": start_BL[row, :length], "end": end_BL[row, :length]} for row, length in enumerate(lengths)]
