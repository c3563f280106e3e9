"""The official metrics as a `torchmetrics.Metric`, for any training loop; the functions of `xstilts.metrics` do the scoring.

A metric of a whole split, such as the F1 of chunks, is not a mean over batches. So the state is the predictions themselves: one
line of JSON for each example, as bytes, which `compute` gathers from all processes.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

from xstilts import metrics


class OfficialMetric(Metric):
    """The metric `name` (see `xstilts.metrics.metric_names`) of one language and split. UserError for unknown ones.

    `update(predictions, gold, ids)` takes lists: what a prediction and a gold value look like is in the metric's module, for
    instance a text and the list of accepted answers for `squad`. `ids` are integers, an example's place in the split: an example
    that several processes or batches repeat counts once, and the examples are scored in the order of their ids. Without `ids` all
    count, in the order of the updates, process by process.

    `compute()` returns the values of `metrics.score` as scalars, float64: percentages, except perplexity.
    """

    full_state_update = False
    lines: list[Tensor]

    def __init__(self, name: str, language: str = "en", **options: Any) -> None:
        """`options`: those of every `torchmetrics.Metric`."""
        super().__init__(dist_sync_fn=options.pop("dist_sync_fn", _gather_bytes), **options)
        self.name, self.language, self.main_key = name, language, metrics.main_key(name)
        metrics.check_language(name, language)
        self.add_state("lines", default=[], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """True if higher values of the main score are better."""
        return metrics.higher_is_better(self.main_key)

    def update(self, predictions: Sequence[Any], gold: Sequence[Any], ids: Sequence[int] | None = None) -> None:
        """Add examples. ValueError where the lists differ in length."""
        places = [None] * len(gold) if ids is None else [int(place) for place in ids]
        rows = zip(places, gold, predictions, strict=True)
        if text := "".join(json.dumps(row, default=_plain) + "\n" for row in rows):
            self.lines.append(torch.frombuffer(bytearray(text, "ascii"), dtype=torch.uint8).to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Score all examples of all processes."""
        text = dim_zero_cat(self.lines).cpu().numpy().tobytes() if len(self.lines) else b""
        rows = [json.loads(line) for line in text.splitlines()]
        places = {row[0] for row in rows}
        if rows and None not in places:
            rows = [row for _, row in sorted({row[0]: row for row in rows}.items())]
        values = metrics.score(self.name, [row[1] for row in rows], [row[2] for row in rows], self.language)
        return {key: torch.tensor(value, dtype=torch.float64, device=self.device) for key, value in values.items()}


def _gather_bytes(state: Tensor, group: Any = None) -> list[Tensor]:
    """Gather as torchmetrics does; the empty state of a process without an example has another type."""
    return gather_all_tensors(state.to(torch.uint8), group)


def _plain(value: Any) -> Any:
    """Turn a NumPy or torch number or array into Python's."""
    return value.tolist()
