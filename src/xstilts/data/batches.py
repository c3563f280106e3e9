"""Features -> padded batches: the micro-batches of a training step, and sorted batches for evaluation.

Within a step the features are ordered by length and cut under a budget of tokens; padding is per micro-batch. A length is what
a feature costs in the encoder, all of its rows together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader

from xstilts.data.feature_rows import FeatureRows
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError

Batch = dict[str, Tensor]


@dataclass
class OptimizerStep:
    """One optimizer step of this process."""

    task: str
    head: str
    micro_batches: list[Batch]
    weight: float = 1.0
    """0 where this process has no example of a small last step and repeats one that must not count."""
    number: int = 0
    """Its place in the plan."""
    sizes: list[int] = field(default_factory=lambda: [1])
    """Features in each micro-batch."""
    tokens: list[int] = field(default_factory=lambda: [1])
    """What each micro-batch takes of the budget."""
    on_host: list[Batch] = field(default_factory=list)
    """The micro-batches before they were moved to a device: there the host reads them without waiting for it."""

    def to(self, device: Any, **options: Any) -> "OptimizerStep":
        """The step on this device. Without it, Lightning would walk through every list of every batch."""
        moved = [on_device(batch, device, **options) for batch in self.micro_batches]
        return replace(self, micro_batches=moved, on_host=self.on_host or self.micro_batches)


@dataclass
class EvaluationBatch:
    """Features of one task to be evaluated together."""

    task: str
    head: str
    rows: list[int]
    batch: Batch

    def to(self, device: Any, **options: Any) -> "EvaluationBatch":
        """The batch on this device."""
        return replace(self, batch=on_device(self.batch, device, **options))


def on_device(batch: Batch, device: Any, **options: Any) -> Batch:
    """The batch with its tensors there; what is no tensor stays as it is.

    A GPU also gets `places`, int64 (T,): where the T real tokens stand in the flattened batch. Counting them there would make
    the host wait for all work that it has queued.
    """
    if torch.device(device).type == "cuda" and not batch["attention_mask"].is_cuda:
        batch = batch | {"places": batch["attention_mask"].flatten().nonzero().squeeze(1)}
        batch = {name: values.pin_memory() if isinstance(values, Tensor) else values for name, values in batch.items()}
        options = {"non_blocking": True}
    return {name: values.to(device, **options) if isinstance(values, Tensor) else values for name, values in batch.items()}


@dataclass(frozen=True)
class TaskFeatures:
    """The features of one task and what it takes to batch them."""

    task: str
    format: str
    head: str
    features: Dataset
    special: SpecialTokens
    examples: Dataset | None = None
    """What they were made of; needed only to name one."""

    @cached_property
    def _stored(self) -> FeatureRows:
        return FeatureRows(self.features)

    def lengths(self) -> np.ndarray:
        """The length of each feature, int64; read without a Python number for each."""
        table: pa.Table = self.features.select_columns("length").with_format("arrow")[:]
        return table.column("length").to_numpy().astype(np.int64)

    def collate(self, rows: Sequence[int], mask_seed: int | None = None) -> Batch:
        """The padded batch of these rows."""
        features = [self._stored[int(row)] for row in rows]
        if mask_seed is not None:
            for row, feature in zip(rows, features, strict=True):
                feature["mask_seed"] = (mask_seed * 1_000_003 + int(row)) & (2**63 - 1)
        batch: Batch = featurizer(self.format).collate(features, self.special)
        return batch

    def occurring(self, vocabulary: int) -> np.ndarray:
        """bool (vocabulary,): which tokens stand in a feature, or are special; random ones that `mlm` puts in are not told.

        Raises UserError for a feature's token beyond the vocabulary.
        """
        found = np.zeros(vocabulary, dtype=bool)
        special = {self.special.pad_id, self.special.mask_id, *self.special.special_ids}
        found[[id for id in special if id is not None and id < vocabulary]] = True
        for chunk in self.features.data.column("input_ids").chunks:
            while not pa.types.is_integer(chunk.type):  # choices and pairs are lists of lists
                chunk = chunk.flatten()
            ids = chunk.to_numpy(zero_copy_only=False)
            if len(ids) and (largest := ids.max()) >= vocabulary:
                raise UserError(
                    f"task {self.task}: its tokenizer gives the token id {largest}, but the encoder has embeddings of "
                    f"{vocabulary}: choose the encoder's own tokenizer (leave model.tokenizer out), with all of its files"
                )
            found[ids] = True
        return found

    def ids(self, rows: Sequence[int]) -> list[str]:
        """The ids of the examples that these features belong to, each once."""
        numbers = dict.fromkeys(self.features[list(rows)]["example"])
        return [str(number) for number in numbers] if self.examples is None else list(self.examples[list(numbers)]["id"])


def cost(lengths: np.ndarray, padding_free: bool = False) -> int:
    """What a micro-batch of features of these lengths takes of the budget: its padded size, longest x members.

    An encoder that computes no padding (`padding_free`) takes the real tokens, but not less than half the padded size, which
    attention still has.
    """
    return _cost(int(lengths.sum()), int(lengths.max()) * len(lengths), padding_free)


def _cost(real: int, padded: int, padding_free: bool) -> int:
    return max(real, -(-padded // 2)) if padding_free else padded


def cut(lengths: np.ndarray, max_tokens: int, padding_free: bool = False) -> list[np.ndarray]:
    """Positions 0 … n-1 in groups: shortest first, the `cost` of each at most `max_tokens`.

    A feature longer than the budget is a group of its own.
    """
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order].tolist()
    groups: list[np.ndarray] = []
    start = real = 0
    for position, length in enumerate(ordered):
        real, padded = real + length, length * (position - start + 1)
        if position > start and _cost(real, padded, padding_free) > max_tokens:
            groups.append(order[start:position])
            start, real = position, length
    groups.append(order[start:])
    return groups


class _Steps:
    """A map-style dataset: number of the step -> OptimizerStep."""

    def __init__(
        self, tasks: dict[str, TaskFeatures], plan: StepPlan, max_tokens: int, rank: int, world_size: int, padding_free: bool
    ) -> None:
        self.tasks, self.plan, self.max_tokens, self.rank, self.world_size = tasks, plan, max_tokens, rank, world_size
        self.padding_free = padding_free
        self.lengths = {name: task.lengths() for name, task in tasks.items()}

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> OptimizerStep:
        name, rows = self.plan.step(number)
        mine = rows[self.rank :: self.world_size]
        weight = 1.0
        if not len(mine):
            mine, weight = rows[:1], 0.0
        task = self.tasks[name]
        lengths = self.lengths[name][mine]
        groups = cut(lengths, self.max_tokens, self.padding_free)
        mask_seed = self.plan.seed * 1_000_003 + number
        micro_batches = [task.collate(mine[group].tolist(), mask_seed) for group in groups]
        tokens = [cost(lengths[group], self.padding_free) for group in groups]
        return OptimizerStep(name, task.head, micro_batches, weight, number, [len(group) for group in groups], tokens)


class StepLoader:
    """Yields the plan's steps in order; Lightning saves and restores its position with every checkpoint."""

    def __init__(
        self,
        tasks: dict[str, TaskFeatures],
        plan: StepPlan,
        max_tokens: int,
        rank: int = 0,
        world_size: int = 1,
        padding_free: bool = False,
    ) -> None:
        self.steps = _Steps(tasks, plan, max_tokens, rank, world_size, padding_free)
        self.next_step = 0
        self.reduced = False

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[OptimizerStep]:
        remaining = range(self.next_step, len(self.steps))
        loader: DataLoader[OptimizerStep] = DataLoader(self.steps, batch_size=None, sampler=remaining)  # type: ignore[arg-type]
        for step in loader:
            self.next_step += 1
            yield step

    def cut_smaller(self, number: int, max_tokens: int) -> OptimizerStep:
        """Step `number` once more, it and all to come in micro-batches of at most `max_tokens`."""
        self._reduce(max_tokens)
        return self.steps[number]

    def state_dict(self) -> dict[str, Any]:
        # A budget that had to be reduced stays so: where a micro-batch ends decides what dropout draws for its examples.
        return {"next_step": self.next_step, "max_tokens": self.steps.max_tokens if self.reduced else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.next_step = state["next_step"]
        if state.get("max_tokens"):
            self._reduce(min(state["max_tokens"], self.steps.max_tokens))

    def _reduce(self, max_tokens: int) -> None:
        self.reduced, self.steps.max_tokens = True, max_tokens


class EvaluationLoader:
    """All features of several tasks once, sorted by length under a token budget; the groups are dealt out to the processes."""

    def __init__(self, tasks: Sequence[TaskFeatures], max_tokens: int, rank: int = 0, world_size: int = 1) -> None:
        self.groups: list[tuple[TaskFeatures, list[int]]] = []
        for task in tasks:
            for group in cut(task.lengths(), max_tokens) if len(task.features) else []:
                self.groups.append((task, group.tolist()))
        self.groups = self.groups[rank::world_size]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[EvaluationBatch]:
        for task, rows in self.groups:
            yield EvaluationBatch(task=task.task, head=task.head, rows=rows, batch=task.collate(rows))
