"""One module per official evaluation: pure functions over merged predictions, never averages of batches.

Every module has `score(gold, predictions, language)`; gold and predictions are parallel (the caller joined them by id) and the
values are percentages where the official script prints percentages. A name says which variant of a doubtful metric it is.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xstilts.errors import UserError, unknown_name

if TYPE_CHECKING:
    import numpy as np

# Metric -> the keys whose mean is the task's score in XTREME's tables, the main one first.
_KEYS = {
    "accuracy": ("accuracy",),
    "squad": ("f1", "exact_match"),
    "mlqa": ("f1", "exact_match"),
    "tagging_f1": ("f1_seqeval_1_2_2",),
    "xtreme_tagging_f1": ("f1_seqeval_0_0_12",),
    "token_accuracy": ("accuracy",),
    "retrieval_accuracy": ("accuracy",),
    "bitext_f1": ("f1",),
    "map_at_20": ("map_at_20",),
    "mrr_at_20": ("mrr_at_20",),
    "perplexity": ("perplexity",),
}
METRICS = tuple(_KEYS)
# Metric -> the formats whose predictions it scores.
_FORMATS = {
    "accuracy": ("classification", "multiple_choice"),
    "squad": ("span_qa",),
    "mlqa": ("span_qa",),
    "tagging_f1": ("tagging",),
    "xtreme_tagging_f1": ("tagging",),
    "token_accuracy": ("tagging",),
    "retrieval_accuracy": ("retrieval",),
    "bitext_f1": ("retrieval",),
    "map_at_20": ("retrieval",),
    "mrr_at_20": ("retrieval",),
    "perplexity": ("mlm",),
}
# Protocol of retrieval -> the metrics that score what it finds.
_PROTOCOLS = {
    "sentence_matching": ("retrieval_accuracy", "map_at_20", "mrr_at_20"),
    "answer_retrieval": ("retrieval_accuracy", "map_at_20", "mrr_at_20"),
    "bitext_mining": ("bitext_f1",),
}
_WITHOUT_GOLD = frozenset({"perplexity"})
_LOWER_IS_BETTER = frozenset({"perplexity"})


def _keys(metric: str) -> tuple[str, ...]:
    if metric not in _KEYS:
        raise UserError(unknown_name("metric", metric, METRICS, "Correct `metrics` of the task's YAML file in conf/task."))
    return _KEYS[metric]


def formats_of(metric: str) -> tuple[str, ...]:
    """The formats whose predictions a metric scores."""
    return _FORMATS[metric]


def of_protocol(protocol: str) -> tuple[str, ...]:
    """The metrics that score what a protocol of retrieval finds."""
    return _PROTOCOLS[protocol]


def check_language(metric: str, language: str) -> None:
    """Raise UserError for a language that a metric has no rules for; most metrics need none."""
    module = importlib.import_module(f"{__name__}.{metric}")
    if hasattr(module, "check_language"):
        module.check_language(language)


def score(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> dict[str, float]:
    """The values of `metric` on one language and split; what gold and predictions are is told by the metric's module.

    Raises `UserError` for an unknown metric and `ValueError` where gold and predictions do not fit each other: a prediction that
    is missing is an error and never counts as a wrong one.
    """
    _check(metric, gold, predictions, language)
    values: dict[str, float] = importlib.import_module(f"{__name__}.{metric}").score(gold, predictions, language)
    return values


def item_scores(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> "np.ndarray":
    """What each test item adds to the main value of `metric`: a numerator and a denominator, float64 [items, 2].

    100 times the sum of the numerators over that of the denominators is the main value: for accuracy right or not, of 1; for F1
    twice what is right, of what gold and prediction have together. So resampled items are scored without the metric's own code.
    Raises as `score` does, and `UserError` for a metric that is no such ratio (perplexity).
    """
    _check(metric, gold, predictions, language)
    module = importlib.import_module(f"{__name__}.{metric}")
    if not hasattr(module, "item_scores"):
        raise UserError(f"the metric {metric} has no scores of single items, so there is no interval for a difference in it")
    import numpy as np  # not above: the driver imports this module, and starts faster without

    return np.array(module.item_scores(gold, predictions, language), dtype=np.float64)


def scored_by_item(metric: str) -> bool:
    """Return whether `item_scores` knows the metric."""
    return hasattr(importlib.import_module(f"{__name__}.{metric}"), "item_scores")


def _check(metric: str, gold: Sequence[Any], predictions: Sequence[Any], language: str) -> None:
    _keys(metric)
    if len(gold) != len(predictions):
        raise ValueError(f"{metric}: {len(predictions)} predictions for {len(gold)} gold values; join them by id first")
    if not gold:
        raise ValueError(f"{metric}: no examples to score in '{language}'")
    for what, column in (("prediction", predictions), ("gold", () if metric in _WITHOUT_GOLD else gold)):
        missing = sum(value is None for value in column)
        if missing:
            raise ValueError(f"{metric}: {missing} of {len(column)} examples in '{language}' have no {what}")


def main_key(metric: str) -> str:
    """The key of the values of `metric` that selects checkpoints."""
    return _keys(metric)[0]


def higher_is_better(metric_key: str) -> bool:
    """Return whether more is better, for a key of the values of any metric."""
    return metric_key not in _LOWER_IS_BETTER


def task_score(metric: str, values: Mapping[str, float]) -> float | None:
    """The one number that XTREME averages over languages and tasks: (exact match + F1) / 2 for QA, else the main value.

    None where `values` lack one of them. google-research/xtreme evaluate.py, `avg_metric`; for tagging the variant that the
    published numbers used.
    """
    keys = _keys(metric)
    return sum(values[key] for key in keys) / len(keys) if values.keys() >= set(keys) else None
