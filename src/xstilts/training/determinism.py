"""Make training deterministic: the same seed gives the same numbers."""

import hashlib

import torch


def derived_seed(*parts: object) -> int:
    """Derive a 63-bit seed from all parts, and nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) >> 1


def deterministic() -> None:
    """Choose deterministic algorithms from now on, where torch has them.

    With them torch also fills all new memory, a twentieth of a step, for programs that read memory before they write it. Ours do
    not.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
