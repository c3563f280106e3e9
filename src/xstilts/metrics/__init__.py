"""One module per official evaluation: pure functions over merged predictions, never averages of batches.

Every module has `score(gold, predictions, language)`; gold and predictions are parallel (the caller joined them by id) and the
values are percentages where the official script prints percentages. A name says which variant of a doubtful metric it is.
A module also has

- `KEYS`: the keys of the values whose mean is the task's score in XTREME's tables, the main one first;
- `SCORES`: the kind of predictions that it scores, see `xstilts.tasks.format.Format.predictions`;

and it may have

- `item_scores(gold, predictions, language)`: see below;
- `LOWER_IS_BETTER`: the keys of values that are no percentages, and lower for better models;
- `NEEDS_GOLD = False`, where the gold is no part of the data;
- `check_language(language)` and `check_labels(labels)`: raise UserError for those that it has no rules for.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.plugins import Registry

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np

ECE = "ece"
"""The key of the expected calibration error in a result, beside the values of the target's metrics: `xstilts.calibration`."""
_REGISTRY = Registry("metric", __name__, "xstilts.metrics", (("score", object), ("KEYS", tuple), ("SCORES", str)))


def metric_names() -> tuple[str, ...]:
    """The names of all metrics. Imports none."""
    return _REGISTRY.names()


def _module(metric: str) -> "ModuleType":
    return _REGISTRY.module(metric, "Correct `metrics` of the task's YAML file, or install the package that adds the metric.")


def kind_of(metric: str) -> str:
    """The kind of predictions that a metric scores."""
    return str(_module(metric).SCORES)


def check_labels(metric: str, labels: Sequence[str]) -> None:
    """Raise UserError for labels of a task that a metric would misread; most metrics take any."""
    if check := getattr(_module(metric), "check_labels", None):
        check(labels)


def check_language(metric: str, language: str) -> None:
    """Raise UserError for a language that a metric has no rules for; most metrics need none."""
    if check := getattr(_module(metric), "check_language", None):
        check(language)


def score(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> dict[str, float]:
    """The values of `metric` on one language and split; the metric's module says what gold and predictions are.

    Raises `UserError` for an unknown metric and `ValueError` where gold and predictions do not fit each other: a prediction that
    is missing is an error and never counts as a wrong one.
    """
    _check(metric, gold, predictions, language)
    values: dict[str, float] = _module(metric).score(gold, predictions, language)
    return values


def item_scores(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> "np.ndarray":
    """The numerator and denominator of each test item, float64 [items, 2].

    100 times the sum of the numerators over the sum of the denominators is the main value of `metric`: for accuracy an item has
    (1 or 0, 1), for F1 (twice the right, those in gold and prediction together). So resampled items need no new evaluation.
    Raises as `score` does, and `UserError` for a metric that is no such ratio (perplexity).
    """
    _check(metric, gold, predictions, language)
    module = _module(metric)
    if not hasattr(module, "item_scores"):
        raise UserError(f"the metric {metric} has no scores of single items, so there is no interval for a difference in it")
    import numpy as np  # not above: the driver imports this module, and starts faster without

    return np.array(module.item_scores(gold, predictions, language), dtype=np.float64)


def fully_right(parts_N2: "np.ndarray") -> "np.ndarray":
    """Return whether each test item gets its full score, bool [items], from the result of `item_scores`."""
    return cast("np.ndarray", parts_N2[:, 0] >= parts_N2[:, 1])


def scored_by_item(metric: str) -> bool:
    """Return whether the metric has `item_scores`."""
    return hasattr(_module(metric), "item_scores")


def _check(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> None:
    needs_gold = getattr(_module(metric), "NEEDS_GOLD", True)
    if len(gold) != len(predictions):
        raise ValueError(
            f"{metric}: {counted(len(predictions), 'prediction')} for {counted(len(gold), 'gold value')}; join them by id first"
        )
    if not gold:
        raise ValueError(f"{metric}: no examples to score in '{language}'")
    for what, column in (("prediction", predictions), ("gold", gold if needs_gold else ())):
        missing = sum(value is None for value in column)
        if missing:
            raise ValueError(f"{metric}: {missing} of {counted(len(column), 'example')} in '{language}' without {what}")


def main_key(metric: str) -> str:
    """The key of the values of `metric` that selects checkpoints."""
    return str(_module(metric).KEYS[0])


def higher_is_better(metric_key: str) -> bool:
    """Return whether more is better, for a key of the values of any metric."""
    lower = {ECE}
    for name in metric_names():
        with suppress(UserError):  # a plug-in that cannot be imported: the error is raised where its metric is used
            lower.update(getattr(_module(name), "LOWER_IS_BETTER", ()))
    return metric_key not in lower


def score_keys(metric: str) -> tuple[str, ...]:
    """The keys of the values whose mean XTREME averages over languages and tasks, the main one first: F1 and exact match for QA.

    google-research/xtreme evaluate.py, `avg_metric`; for tagging the variant that the published numbers used.
    """
    return tuple(_module(metric).KEYS)
