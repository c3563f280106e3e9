"""One linear layer over each word's first token. Named as in Hugging Face's XLMRobertaForTokenClassification.

Legend: B pieces of sentences, L tokens, D hidden size, T tags.
"""

from torch import Tensor, nn
from torch.nn import functional

from xstilts.config import Hyperparameters
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.tasks.declaration import Task


class TaggingHead(nn.Module):
    """labels_BL (int64, -100 on all but the first tokens of labelled words) from hidden_BLD."""

    contrastive = False
    whole_vocabulary = False
    needs_pooler = False

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(hyperparameters.head_dropout or 0.0)
        self.classifier = nn.Linear(encoder.hidden_size, len(task.labels))

    def forward(self, encoder: Encoder, batch: Batch) -> Tensor:
        """logits_BLT."""
        return self.classifier(self.dropout(encoder.read(batch)))

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy summed over the labelled words."""
        logits_BLT = self(encoder, batch)
        return functional.cross_entropy(logits_BLT.flatten(0, 1), batch["labels"].flatten(), ignore_index=-100, reduction="sum")

    def items(self, batch: Batch) -> float:
        """Labelled words."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`tags`, int64 (words of the piece,): the index of each word's best tag."""
        best_BL = self(encoder, batch).argmax(-1).cpu().numpy()
        return [{"tags": best_BL[row, positions]} for row, positions in enumerate(batch["word_positions"])]
