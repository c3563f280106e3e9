"""Start and end scores for every token of a window. Named as in Hugging Face's XLMRobertaForQuestionAnswering.

Legend: B windows, L tokens, D hidden size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.config import Hyperparameters
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.tasks.declaration import Task


class SpanHead(nn.Module):
    """start_positions_B and end_positions_B (int64, 0: the answer is not in this window) from hidden_BLD."""

    contrastive = False
    whole_vocabulary = False
    needs_pooler = False

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.qa_outputs = nn.Linear(encoder.hidden_size, 2)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """start_BL and end_BL, with padding at the lowest float."""
        scores_BL2 = self.qa_outputs(encoder.read(batch))
        padding_BL = batch["attention_mask"] == 0
        start_BL, end_BL = scores_BL2.float().unbind(-1)
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
