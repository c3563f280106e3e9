"""Choose the examples of each optimizer step: a pure function of (seed, sizes, step), so that any step can be made again.

Every task is reshuffled in each of its epochs; an epoch's last step may be smaller. With several tasks each step belongs to a
single task, drawn with p_i proportional to min(n_i, cap)^(1/temperature): examples-proportional mixing with a limit, as in
jiant's `task_sampler.py` and T5.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from xstilts.config import Mixture


@dataclass(frozen=True)
class StepPlan:
    """The steps of one phase."""

    sizes: dict[str, int]
    """Task -> its number of features."""
    batch_size: int
    seed: int
    epochs: float = 1.0
    max_steps: int | None = None
    mixture: Mixture = field(default_factory=Mixture, hash=False, compare=False)

    def __len__(self) -> int:
        """Optimizer steps: `max_steps`, or the sum over tasks of epochs * ceil(min(n, cap) / batch size)."""
        if self.max_steps is not None:
            return self.max_steps
        return sum(max(1, round(self.epochs * math.ceil(size / self.batch_size))) for size in self._capped().values())

    def step(self, number: int) -> tuple[str, np.ndarray]:
        """Task and feature rows (int64) of step `number`, 0 <= number < len(self)."""
        tasks, counts = self._sequence()
        task = list(self.sizes)[tasks[number]]
        size = self.sizes[task]
        per_epoch = math.ceil(size / self.batch_size)
        epoch, position = divmod(int(counts[number]), per_epoch)
        order = _shuffled(self.seed, task, epoch, size)
        return task, order[position * self.batch_size : (position + 1) * self.batch_size].astype(np.int64)

    def _capped(self) -> dict[str, int]:
        # The cap limits the weight of a task among others; a single task is never capped.
        if len(self.sizes) == 1:
            return self.sizes
        cap, caps = self.mixture.cap, self.mixture.caps
        return {task: min(size, caps.get(task) or cap or size) for task, size in self.sizes.items()}

    def probabilities(self) -> np.ndarray:
        """The share of steps of each task, in the order of `sizes`, float64."""
        weights = np.array(list(self._capped().values()), dtype=np.float64) ** (1 / self.mixture.temperature)
        return weights / weights.sum()

    def _sequence(self) -> tuple[np.ndarray, np.ndarray]:
        return _sequence(self.seed, tuple(self.probabilities()), len(self))


@lru_cache(maxsize=8)
def _sequence(seed: int, probabilities: tuple[float, ...], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of each step's task, and how many earlier steps belong to the same task."""
    if len(probabilities) == 1:
        return np.zeros(steps, dtype=np.int64), np.arange(steps)
    tasks = np.random.default_rng([seed, 1]).choice(len(probabilities), size=steps, p=probabilities)
    counts = np.zeros(steps, dtype=np.int64)
    for task in range(len(probabilities)):
        here = tasks == task
        counts[here] = np.arange(int(here.sum()))
    return tasks, counts


_orders: dict[tuple[int, str], tuple[int, np.ndarray]] = {}
"""Seed and task -> the epoch that was asked for last, and its order: 4 bytes for each feature."""
ORDERS = 16
"""Tasks whose orders are kept."""


def _shuffled(seed: int, task: str, epoch: int, size: int) -> np.ndarray:
    known, order = _orders.get((seed, task), (-1, np.empty(0)))
    if (known, len(order)) != (epoch, size):
        order = np.random.default_rng([seed, 2, epoch, *task.encode()]).permutation(size)
        order = order.astype(np.int32) if size <= np.iinfo(np.int32).max else order
        _orders.pop((seed, task), None)
        _orders[seed, task] = epoch, order
        if len(_orders) > ORDERS:
            del _orders[next(iter(_orders))]
    return order
