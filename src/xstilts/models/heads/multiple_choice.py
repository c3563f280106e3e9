"""A scalar score per choice; the choices of an example share one softmax and all are encoded in one call.

Legend: B examples, R rows (all choices of all examples), L tokens, D hidden size, K most choices of an example.
Named as in Hugging Face's XLMRobertaForMultipleChoice, which scores the pooler's output.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.config import Hyperparameters
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.tasks.declaration import Task


class MultipleChoiceHead(nn.Module):
    """labels_B (int64 index of the choice, -100: no gold) from hidden_RLD; logits_BK, -inf where an example has fewer choices."""

    contrastive = False
    whole_vocabulary = False
    needs_pooler = True

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(hyperparameters.head_dropout or 0.0)
        self.classifier = nn.Linear(encoder.hidden_size, 1)

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BK."""
        hidden_RLD = encoder.read(batch)
        score_R = self.classifier(self.dropout(encoder.first_token(hidden_RLD))).squeeze(-1)
        counts_B = batch["choice_counts"]
        width = int(counts_B.max())
        present_BK = torch.arange(width, device=score_R.device) < counts_B[:, None]
        return score_R.new_full(present_BK.shape, float("-inf")).masked_scatter(present_BK, score_R)

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
