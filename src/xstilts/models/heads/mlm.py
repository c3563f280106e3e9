"""RoBERTa's masked-language-model head, tied to the word embeddings; scores are computed at masked tokens only.

Legend: B rows, L tokens, D hidden size, M masked tokens, V vocabulary. Named as in Hugging Face's XLMRobertaLMHead.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.config import Hyperparameters
from xstilts.errors import UserError
from xstilts.models.encoder import Encoder
from xstilts.models.heads import Batch, HeadOutputs, renamed
from xstilts.tasks.declaration import Task


class MaskedLanguageModelHead(nn.Module):
    """labels_BL (int64, -100 on all but the masked tokens) from hidden_BLD."""

    contrastive = False
    whole_vocabulary = True
    needs_pooler = False

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        vocabulary, width = encoder.word_embeddings.shape
        if width != encoder.hidden_size:
            raise UserError(
                f"task {task.name} has the format mlm, whose head is tied to the word embeddings, but those of this encoder are "
                f"{width} wide and its hidden states {encoder.hidden_size}: choose another encoder or task"
            )
        self.dense = nn.Linear(width, width)
        self.layer_norm = nn.LayerNorm(width, eps=getattr(encoder.backbone.config, "layer_norm_eps", 1e-5))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def negative_log_likelihood(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """loss_M in nats, and masked_BL (bool), the positions of the M tokens, in row order."""
        hidden_BLD = encoder.read(batch)
        masked_BL = batch["labels"] != -100
        hidden_MD = self.layer_norm(functional.gelu(self.dense(hidden_BLD[masked_BL])))
        logits_MV = functional.linear(hidden_MD, encoder.word_embeddings, self.bias)
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

    def transformers_weights(self, encoder: Encoder, base: str) -> dict[str, Tensor] | None:
        """As in RobertaForMaskedLM or BertForMaskedLM. The latter has the activation of its layers, where ours has gelu."""
        if encoder.family.heads == "roberta":
            place, names = "lm_head", ("dense", "layer_norm")
        elif encoder.family.heads == "bert" and encoder.backbone.config.hidden_act == "gelu":
            place, names = "cls.predictions", ("transform.dense", "transform.LayerNorm")
        else:
            return None
        decoder = {f"{place}.decoder.weight": encoder.word_embeddings, f"{place}.decoder.bias": self.bias.detach()}
        return decoder | renamed(
            self, {"dense": f"{place}.{names[0]}", "layer_norm": f"{place}.{names[1]}", "bias": f"{place}.bias"}
        )
