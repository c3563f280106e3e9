"""A linear layer over the first token, trained with the squared error. Legend: B rows, L tokens, D hidden size."""

from torch import nn


class RatingHead(nn.Module):
    """ratings_B from hidden_BLD."""

    contrastive = False
    whole_vocabulary = False
    needs_pooler = False

    def __init__(self, task, encoder, hyperparameters):
        super().__init__()
        self.out_proj = nn.Linear(encoder.hidden_size, 1)

    def forward(self, encoder, batch):
        """ratings_B."""
        return self.out_proj(encoder.read(batch)[:, 0])[:, 0]

    def loss_sum(self, encoder, batch):
        """The squared error, summed over rows."""
        return (self(encoder, batch) - batch["ratings"]).square().sum()

    def items(self, batch):
        """Rows."""
        return len(batch["ratings"])

    def outputs(self, encoder, batch):
        """`rating`, float32 (), for each row."""
        return [{"rating": rating} for rating in self(encoder, batch).float().cpu().numpy()]
