"""RoBERTa's classification head: dropout, dense, tanh, dropout, linear over the first token.

Legend: B rows, L tokens, D hidden size, C classes. Named as in Hugging Face's XLMRobertaClassificationHead.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.config import Hyperparameters
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs, renamed
from xstilts.tasks.declaration import Task


class ClassificationHead(nn.Module):
    """labels_B (int64, -100: no gold) from hidden_BLD; logits_BC."""

    contrastive = False
    whole_vocabulary = False
    needs_pooler = False

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(hyperparameters.head_dropout or 0.0)
        self.dense = nn.Linear(encoder.hidden_size, encoder.hidden_size)
        self.out_proj = nn.Linear(encoder.hidden_size, len(task.labels))

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BC."""
        first_BD = encoder.read(batch)[:, 0]
        dense_BD = torch.tanh(self.dense(self.dropout(first_BD)))
        return self.out_proj(self.dropout(dense_BD))

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy summed over the labelled rows."""
        return functional.cross_entropy(self(encoder, batch), batch["labels"], ignore_index=-100, reduction="sum")

    def items(self, batch: Batch) -> float:
        """Labelled rows."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`logits`, float32 (C,), for each row."""
        return [{"logits": row} for row in self(encoder, batch).float().cpu().numpy()]

    def transformers_weights(self, encoder: Encoder, base: str) -> dict[str, Tensor] | None:
        """As in RobertaForSequenceClassification, or in BertForSequenceClassification, whose pooler is our first layer."""
        if encoder.family.heads == "roberta":
            return renamed(self, {"dense.": "classifier.dense.", "out_proj.": "classifier.out_proj."})
        if encoder.family.heads == "bert":
            return renamed(self, {"dense.": f"{base}pooler.dense.", "out_proj.": "classifier."})
        return None
