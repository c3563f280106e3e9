"""The same numbers from the same seed."""

import torch


def deterministic() -> None:
    """Choose deterministic algorithms from now on, where torch has them.

    With them torch also fills all new memory, a twentieth of a step, for programs that read what they never wrote. Ours do not.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
