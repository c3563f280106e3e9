"""Recover from a device that is out of memory, or raise a UserError of one line where that is not possible."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from xstilts.errors import UserError
from xstilts.training import distributed

Made = TypeVar("Made")


class OutOfMemory(Exception):
    """Raised in all processes if any of them ran out of memory for its micro-batches."""

    def __init__(self, largest_tokens: int, single: bool) -> None:
        self.largest_tokens = largest_tokens
        """The cost of the largest micro-batch of any process, compared with the budget of tokens."""
        self.single = single
        """True if each micro-batch that did not fit held a single feature."""


def run_on_all_or_oom(work: Callable[[], Made], sizes: list[int], tokens: list[int]) -> Made:
    """Run `work` (no collectives inside); raise OutOfMemory on every rank if any rank ran out.

    `sizes` and `tokens`: the number of features and the cost of each micro-batch of `work`.
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
    """Return cached memory to the device; the next attempt needs blocks of other sizes."""
    torch.cuda.empty_cache()


@contextlib.contextmanager
def out_of_memory_means(label: str) -> Iterator[None]:
    """Raise a UserError for any out-of-memory error that smaller micro-batches cannot prevent."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise UserError(
            f"{label}: the model with its gradients and optimizer does not fit into the memory of the device ({reason}); type "
            f"model=xlmr_base or another smaller model, model.adapter=lora, trainer.precision=bf16-mixed, or "
            f"intermediate.recipe.freeze_embeddings=true target.recipe.freeze_embeddings=true"
        ) from error
