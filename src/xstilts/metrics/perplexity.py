"""perplexity: how surprised the masked language model is by the tokens that it restores; lower is better."""

import math
from collections.abc import Sequence

KEYS = ("perplexity",)
SCORES = "likelihood"
NEEDS_GOLD = False
LOWER_IS_BETTER = ("perplexity",)


def score(gold: Sequence[None], predictions: Sequence[tuple[float, int]], language: str) -> dict[str, float]:
    """`perplexity`: e to the mean negative log-likelihood (nats) of all masked tokens of the split, each counting the same.

    gold: nothing, the text itself is it; predictions: for each example the sum of the negative log-likelihoods and the number of
    masked tokens. Infinite where it exceeds a double. `language` plays no part. Raises `ValueError` where no token was masked.
    """
    tokens = sum(count for _, count in predictions)
    if not tokens:
        raise ValueError("perplexity: no masked token in any example")
    mean = math.fsum(total for total, _ in predictions) / tokens
    try:
        return {"perplexity": math.exp(mean)}
    except OverflowError:
        return {"perplexity": math.inf}
