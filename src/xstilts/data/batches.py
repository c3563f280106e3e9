"""Features -> padded batches: the micro-batches of a training step, and sorted batches for evaluation.

The features of a step are sorted by length and cut into micro-batches within a budget of tokens; each is padded by itself. The
length of a feature counts the tokens of all its rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader

from xstilts.data.feature_rows import FeatureRows, first_equal
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.sources.arrow_file import release
from xstilts.tasks.declaration import Limits, Task, head_name

Batch = dict[str, Tensor]
RELEASE_EVERY = 16
"""Steps, or chunks of rows, after which the memory of mapped features is given back: some MB of it were read."""


@dataclass
class OptimizerStep:
    """One optimizer step of this process."""

    task: str
    head: str
    micro_batches: list[Batch]
    weight: float = 1.0
    """0 if a small last step has no example for this process, which then repeats an example without counting it."""
    number: int = 0
    """Its place in the plan."""
    sizes: list[int] = field(default_factory=lambda: [1])
    """Features in each micro-batch."""
    tokens: list[int] = field(default_factory=lambda: [1])
    """The cost of each micro-batch, compared with the budget of tokens."""
    on_host: list[Batch] = field(default_factory=list)
    """The micro-batches before they were moved to a device: there the host reads them without waiting for it."""
    loader: "StepLoader | None" = None
    """The loader that made the step."""

    def to(self, device: torch.device | str, **options: Any) -> "OptimizerStep":
        """Move the step to a device. Without this method, Lightning would walk through every list of every batch."""
        moved = [on_device(batch, device, **options) for batch in self.micro_batches]
        return replace(self, micro_batches=moved, on_host=self.on_host or self.micro_batches)

    def cut_smaller(self, max_tokens: int) -> "OptimizerStep":
        """Make the step again; it and all later steps of its loader have micro-batches that cost at most `max_tokens`."""
        assert self.loader is not None
        self.loader.reduce(max_tokens)
        return self.loader.steps[self.number]

    def ids(self) -> list[str]:
        """The ids of the step's examples, those of the other processes included."""
        if self.loader is None:
            return []
        task, rows = self.loader.steps.plan.step(self.number)
        return self.loader.steps.tasks[task].ids(rows.tolist())


@dataclass
class EvaluationBatch:
    """Features of one task that are evaluated together."""

    features: "TaskFeatures"
    rows: list[int]
    batch: Batch
    tasks: "tuple[TaskFeatures, ...]" = ()
    """All tasks of the loader, for the score at its end."""

    def to(self, device: torch.device | str, **options: Any) -> "EvaluationBatch":
        """Move the batch to a device."""
        return replace(self, batch=on_device(self.batch, device, **options))

    def halves(self) -> "list[EvaluationBatch]":
        """Split the features into two batches."""
        middle = len(self.rows) // 2
        return [
            EvaluationBatch(self.features, rows, self.features.collate(rows), self.tasks)
            for rows in (self.rows[:middle], self.rows[middle:])
        ]


def on_device(batch: Batch, device: torch.device | str, **options: Any) -> Batch:
    """Move the batch's tensors to the device; other values stay as they are.

    A GPU also gets `places`, int64 (T,): the positions of the T real tokens in the flattened batch. To compute them there, the
    host would have to wait for all work that it has queued.
    """
    if batch and torch.device(device).type == "cuda" and not batch["attention_mask"].is_cuda:
        batch = batch | {"places": batch["attention_mask"].flatten().nonzero().squeeze(1)}
        batch = {name: values.pin_memory() if isinstance(values, Tensor) else values for name, values in batch.items()}
        options = {"non_blocking": True}
    return {name: values.to(device, **options) if isinstance(values, Tensor) else values for name, values in batch.items()}


@dataclass(frozen=True)
class TaskFeatures:
    """The features of one task, with what it takes to batch them and to turn outputs into predictions."""

    name: str
    task: Task
    examples: Dataset
    features: Dataset
    special: SpecialTokens
    limits: Limits = field(default_factory=Limits)

    @property
    def head(self) -> str:
        """The name of the task's head."""
        return head_name(self.task)

    @cached_property
    def _stored(self) -> FeatureRows:
        return FeatureRows(self.features)

    def lengths(self) -> np.ndarray:
        """The length of each feature, int64; read without a Python number for each."""
        return self._numbers("length").astype(np.int64)

    def example_count(self) -> int:
        """The number of examples that have features; those of an example are neighbours."""
        examples = self._numbers("example")
        return int(np.count_nonzero(examples[1:] != examples[:-1])) + min(1, len(examples))

    def _numbers(self, name: str) -> np.ndarray:
        table: pa.Table = self.features.select_columns(name).with_format("arrow")[:]
        numbers: np.ndarray = table.column(name).to_numpy()
        release()
        return numbers

    @cached_property
    def repeated(self) -> dict[int, list[int]]:
        """Row -> the later rows with equal inputs, whose outputs are the same; only rows that have such."""
        names = getattr(featurizer(self.task.format), "INPUTS", ())
        first_N = first_equal(self.features, names) if names else np.arange(len(self.features))
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(first_N != np.arange(len(first_N))).tolist():
            found.setdefault(int(first_N[row]), []).append(row)
        return found

    def different(self) -> np.ndarray:
        """The rows without those that repeat another, int64."""
        return np.delete(np.arange(len(self.features)), [row for rows in self.repeated.values() for row in rows])

    def collate(self, rows: Sequence[int], mask_seed: int | None = None) -> Batch:
        """The padded batch of these rows."""
        features = [self._stored[int(row)] for row in rows]
        if mask_seed is not None:
            for row, feature in zip(rows, features, strict=True):
                feature["mask_seed"] = (mask_seed * 1_000_003 + int(row)) & (2**63 - 1)
        batch: Batch = featurizer(self.task.format).collate(features, self.special)
        return batch

    def occurring(self, vocabulary: int) -> np.ndarray:
        """bool (vocabulary,): True for tokens of any feature and for special tokens; excludes random MLM replacements.

        Raises UserError for a feature's token beyond the vocabulary.
        """
        found = np.zeros(vocabulary, dtype=bool)
        special = {self.special.pad_id, self.special.mask_id, *self.special.special_ids}
        found[[id for id in special if id is not None and id < vocabulary]] = True
        for number, chunk in enumerate(self.features.data.column("input_ids").chunks):
            if number % RELEASE_EVERY == 0:
                release()
            while not pa.types.is_integer(chunk.type):  # choices and pairs are lists of lists
                chunk = chunk.flatten()
            ids = chunk.to_numpy(zero_copy_only=False)
            if len(ids) and (largest := ids.max()) >= vocabulary:
                raise UserError(
                    f"task {self.name}: its tokenizer gives the token id {largest}, but the encoder has embeddings of "
                    f"{vocabulary}: choose the encoder's own tokenizer (leave model.tokenizer out), with all of its files"
                )
            found[ids] = True
        return found

    def ids(self, rows: Sequence[int]) -> list[str]:
        """The ids of the examples that these features belong to, each once."""
        numbers = dict.fromkeys(self.features[list(rows)]["example"])
        return list(self.examples[list(numbers)]["id"])


def cost(lengths: np.ndarray, padding_free: bool = False) -> int:
    """Return the tokens that a micro-batch of these lengths counts against the budget: its padded size, longest x members.

    For an encoder that computes no padding (`padding_free`), count the real tokens, but at least half the padded size, because
    attention is still padded.
    """
    return _cost(int(lengths.sum()), int(lengths.max()) * len(lengths), padding_free)


def _cost(real: int, padded: int, padding_free: bool) -> int:
    return max(real, -(-padded // 2)) if padding_free else padded


def cut(lengths: np.ndarray, max_tokens: int, padding_free: bool = False) -> list[np.ndarray]:
    """Group the positions 0 … n-1, shortest first, so that the `cost` of each group is at most `max_tokens`.

    A feature longer than the budget forms a group alone.
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

    def __init__(self, loader: "StepLoader", tasks: Mapping[str, TaskFeatures], plan: StepPlan, padding_free: bool) -> None:
        self.loader, self.tasks, self.plan, self.padding_free = loader, tasks, plan, padding_free
        self.lengths = {name: task.lengths() for name, task in tasks.items()}

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> OptimizerStep:
        name, rows = self.plan.step(number)
        mine = rows[self.loader.rank :: self.loader.world_size]
        weight = 1.0
        if not len(mine):
            mine, weight = rows[:1], 0.0
        task = self.tasks[name]
        lengths = self.lengths[name][mine]
        groups = cut(lengths, self.loader.max_tokens, self.padding_free)
        mask_seed = self.plan.seed * 1_000_003 + number
        micro_batches = [task.collate(mine[group].tolist(), mask_seed) for group in groups]
        tokens = [cost(lengths[group], self.padding_free) for group in groups]
        sizes = [len(group) for group in groups]
        return OptimizerStep(name, task.head, micro_batches, weight, number, sizes, tokens, loader=self.loader)


class StepLoader:
    """Yields the plan's steps in order, from where its state says; Lightning saves the state with every checkpoint."""

    def __init__(
        self,
        tasks: Mapping[str, TaskFeatures],
        plan: StepPlan,
        max_tokens: int,
        rank: int = 0,
        world_size: int = 1,
        padding_free: bool = False,
    ) -> None:
        self.rank, self.world_size, self.max_tokens = rank, world_size, max_tokens
        self.steps = _Steps(self, tasks, plan, padding_free)
        self.next_step = 0
        self.reduced = False

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[OptimizerStep]:
        remaining = range(self.next_step, len(self.steps))
        loader: DataLoader[OptimizerStep] = DataLoader(self.steps, batch_size=None, sampler=remaining)  # type: ignore[arg-type]
        for step in loader:
            self.next_step += 1
            if self.next_step % RELEASE_EVERY == 0:
                release()
            yield step

    def reduce(self, max_tokens: int) -> None:
        """Cut all later steps into micro-batches that cost at most `max_tokens`."""
        self.reduced, self.max_tokens = True, max_tokens

    def state_dict(self) -> dict[str, Any]:
        # Keep a reduced budget: the boundaries of micro-batches decide what dropout draws for their examples.
        return {"next_step": self.next_step, "max_tokens": self.max_tokens if self.reduced else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.next_step = state["next_step"]
        if state.get("max_tokens"):
            self.reduce(min(state["max_tokens"], self.max_tokens))


class EvaluationLoader:
    """All features of several tasks, sorted by length under a token budget; the groups are dealt out to the processes.

    Of features with equal inputs there is the first alone: `TaskFeatures.repeated` names the others.
    All processes get the same number of batches, as strategies of Lightning may synchronise at each; the last may be empty.
    """

    def __init__(
        self,
        tasks: Sequence[TaskFeatures],
        max_tokens: int,
        rank: int = 0,
        world_size: int = 1,
        done: np.ndarray | None = None,
    ) -> None:
        """`done`, bool: the rows of the only task that need no prediction. Batches of such rows alone are left out."""
        self.tasks = tuple(tasks)
        self.groups: list[tuple[TaskFeatures, list[int]]] = []
        for task in tasks:
            rows = task.different() if len(task.features) else np.arange(0)
            for group in cut(task.lengths()[rows], max_tokens) if len(rows) else []:
                if done is None or not done[rows[group]].all():
                    self.groups.append((task, rows[group].tolist()))
        empty = -len(self.groups) % world_size if self.groups or done is None else world_size  # no loader may be empty
        self.groups = [*self.groups, *[(task, []) for task in self.tasks[:1]] * empty][rank::world_size]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[EvaluationBatch]:
        for task, rows in self.groups:
            yield EvaluationBatch(task, rows, task.collate(rows) if rows else {}, self.tasks)
