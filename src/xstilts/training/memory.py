"""What to do when a device is out of memory: cut smaller where that helps, and say in one line where it does not."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from xstilts.errors import UserError
from xstilts.training import distributed

Made = TypeVar("Made")


class OutOfMemory(Exception):
    """Raised in all processes when one of them had no memory left for its micro-batches."""

    def __init__(self, largest_tokens: int, single: bool) -> None:
        self.largest_tokens = largest_tokens
        """What the largest micro-batch of any process takes of the budget of tokens."""
        self.single = single
        """Where memory was short, every micro-batch held one feature only."""


def run_on_all_or_oom(work: Callable[[], Made], sizes: list[int], tokens: list[int]) -> Made:
    """What `work`, in which processes must not meet, gives; OutOfMemory in all of them if it was too much for one.

    `sizes` and `tokens`: the features of each micro-batch that it works through, and what it takes of the budget of tokens.
    """
    made, short = None, True
    with contextlib.suppress(torch.OutOfMemoryError):
        made, short = work(), False
    failed, single, largest_tokens = distributed.largest([short, short and max(sizes) == 1, max(tokens)])
    if failed:
        del made
        raise OutOfMemory(largest_tokens, bool(single))
    return made  # type: ignore[return-value]


def release() -> None:
    """Give unused memory back to the device, of which the next attempt wants other pieces."""
    torch.cuda.empty_cache()


@contextlib.contextmanager
def out_of_memory_means(label: str) -> Iterator[None]:
    """Turn what is still out of memory, once micro-batches are cut as small as they get, into a UserError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise UserError(
            f"{label}: the model with its gradients and optimizer does not fit into the memory of the device ({reason}); type "
            f"model=xlmr_base or another smaller model, trainer.precision=bf16-mixed, or "
            f"intermediate.recipe.freeze_embeddings=true target.recipe.freeze_embeddings=true"
        ) from error
