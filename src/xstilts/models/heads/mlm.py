"""The masked-language-model head of the encoder's type; scores are computed at masked tokens only.

Legend: B rows, L tokens, D hidden size, M masked tokens, V vocabulary.
"""

import torch
from torch import Tensor
from torch.nn import functional

from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs
from xstilts.models.heads.class_head import ClassHead


class MaskedLanguageModelHead(ClassHead):
    """labels_BL (int64, -100 on all but the masked tokens) from hidden_BLD."""

    whole_vocabulary = True

    def negative_log_likelihood(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """loss_M in nats, and masked_BL (bool), the positions of the M tokens, in row order."""
        masked_BL = batch["labels"] != -100
        ids_1M, hidden_1MD = batch["input_ids"][masked_BL][None], encoder.read(batch)[masked_BL][None]
        logits_MV = self.call(encoder, ids_1M, torch.ones_like(ids_1M), hidden_1MD).logits[0]
        return functional.cross_entropy(logits_MV.float(), batch["labels"][masked_BL], reduction="none"), masked_BL

    def loss_sum(self, encoder: Encoder, batch: Batch) -> Tensor:
        """Cross-entropy summed over the masked tokens."""
        return self.negative_log_likelihood(encoder, batch)[0].sum()

    def items(self, batch: Batch) -> float:
        """Masked tokens."""
        return float((batch["labels"] != -100).sum())

    def outputs(self, encoder: Encoder, batch: Batch) -> HeadOutputs:
        """`nll` (nats, summed over the row) and `count` (masked tokens), float32 (1,) each."""
        loss_M, masked_BL = self.negative_log_likelihood(encoder, batch)
        sum_B = torch.zeros(len(masked_BL), device=loss_M.device).index_add_(0, masked_BL.nonzero()[:, 0], loss_M)
        pairs = zip(sum_B.cpu().numpy(), masked_BL.sum(1).float().cpu().numpy(), strict=True)
        return [{"nll": nll.reshape(1), "count": count.reshape(1)} for nll, count in pairs]
