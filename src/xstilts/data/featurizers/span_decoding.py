"""span_qa: start and end scores of every window -> one answer text per question, cut from the context.

The rules of run_squad, which XTREME and jiant (squad_style/utils.py) share: the n best starts times the n best ends of each
window, ends not before starts, at most `max_answer_length` tokens, starts only where the token has its maximum context, and
for data with unanswerable questions the empty answer if its score is higher by more than `null_threshold`. They rebuild the
text from words; here it is cut from the context by offsets. If no pair of the n best is possible, they answer "empty"; here
all pairs are then considered.

Legend: L tokens of a window, S starts, E ends, P possible pairs of them.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import numpy as np
from datasets import Dataset

from xstilts.data.feature_rows import FeatureRows
from xstilts.data.featurizers.probabilities import softmax
from xstilts.tasks.declaration import Limits, Task

Window = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""A window's feature and output."""


def decode(
    examples: Dataset,
    features: Dataset,
    outputs: list[dict[str, np.ndarray]],
    task: Task,
    limits: Limits,
    allow_no_answer: bool | None = None,
) -> list[str]:
    """The answer to each question, from `start` (L,) and `end` (L,) of each window; "" is no answer.

    `features` are those for evaluation. `allow_no_answer` None: iff the gold of some example says that it has no answer.
    """
    if allow_no_answer is None:
        allow_no_answer = _allows_no_answer(examples)
    predictions = []
    for windows, context in _windows(examples, features, outputs):
        score, text = next(_texts(windows, context, limits), (-np.inf, ""))
        if allow_no_answer and windows and _null_score(windows) - score > limits.null_threshold:
            text = ""
        predictions.append(text)
    return predictions


def confidence(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[dict[str, float]]:
    """The probability of the best `answer` and, where some example has none, of `none`: as in run_squad's file of n best.

    It is the softmax of the scores of the `n_best` best texts and of no answer.
    """
    allow_no_answer = _allows_no_answer(examples)
    found = []
    for windows, context in _windows(examples, features, outputs):
        scores = [score for score, _ in islice(_texts(windows, context, limits), limits.n_best)]
        names = ["answer"] if scores else []
        if allow_no_answer and windows:
            names, scores = [*names, "none"], [*scores[:1], _null_score(windows), *scores[1:]]
        found.append(dict(zip(names, softmax(np.array(scores)), strict=False)) if scores else {})
    return found


def _allows_no_answer(examples: Dataset) -> bool:
    return any(answers == [] for answers in examples["answers"][:])


def _windows(examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]]) -> Iterator[tuple[list[Window], str]]:
    """Yield the windows of each question, and its context."""
    windows: dict[int, list[Window]] = defaultdict(list)
    view = FeatureRows(features, ["example", "offsets", "max_context"])
    for feature, output in zip(view, outputs, strict=True):
        windows[feature["example"]].append((feature, output))
    for row, context in enumerate(examples["context"][:]):
        yield windows[row], context


def _null_score(windows: list[Window]) -> float:
    return min(float(output["start"][0]) + float(output["end"][0]) for _, output in windows)


def _texts(windows: list[Window], context: str, limits: Limits) -> Iterator[tuple[float, str]]:
    """Yield the different texts of the spans of all windows that are not blank, with their scores, the best first."""
    for n_best in (limits.n_best, None) if windows else ():
        found = [_spans(feature, output, n_best, limits.max_answer_length) for feature, output in windows]
        score_P, span_P2 = (np.concatenate(parts) for parts in zip(*found, strict=True))
        seen = {""}
        for pair in np.argsort(-score_P, kind="stable"):  # of equal scores the first window's first
            text = context[slice(*span_P2[pair].tolist())].strip()
            if text not in seen:
                seen.add(text)
                yield float(score_P[pair]), text
        if len(seen) > 1:
            return


def _spans(
    feature: dict[str, np.ndarray], output: dict[str, np.ndarray], n_best: int | None, max_answer_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """The possible pairs of the `n_best` starts and ends of a window (None: of all): score_P, float64, and characters, (P, 2)."""
    offsets_L2, max_context_L = feature["offsets"].reshape(-1, 2), feature["max_context"]
    start_L, end_L = (output[name][: len(offsets_L2)].astype(np.float64) for name in ("start", "end"))
    starts = np.argsort(-start_L, kind="stable")[:n_best]
    ends = np.argsort(-end_L, kind="stable")[:n_best]
    length_SE = ends - starts[:, None] + 1
    possible_SE = (length_SE >= 1) & (length_SE <= max_answer_length)
    possible_SE &= max_context_L[starts][:, None] & (offsets_L2[ends, 0] >= 0)
    rows, columns = np.nonzero(possible_SE)
    start_P, end_P = starts[rows], ends[columns]
    return start_L[start_P] + end_L[end_P], np.stack([offsets_L2[start_P, 0], offsets_L2[end_P, 1]], axis=1)
