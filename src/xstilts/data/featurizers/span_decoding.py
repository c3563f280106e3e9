"""span_qa: start and end scores of every window -> one answer text per question, cut from the context.

The rules of run_squad, which XTREME and jiant (squad_style/utils.py) share: the n best starts times the n best ends of each
window, ends not before starts, at most `max_answer_length` tokens, starts only where the token has its maximum context, and
for data with unanswerable questions the empty answer if its score is higher by more than `null_threshold`. They rebuild the
text from words; here it is cut from the context by offsets. If no pair of the n best is possible, they answer "empty"; here
all pairs are then considered.

Legend: L tokens of a window, S starts, E ends, P possible pairs of them.
"""

from collections import defaultdict

import numpy as np
from datasets import Dataset

from xstilts.data.feature_rows import FeatureRows
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
        allow_no_answer = any(answers == [] for answers in examples["answers"][:])
    windows: dict[int, list[Window]] = defaultdict(list)
    view = FeatureRows(features, ["example", "offsets", "max_context"])
    for feature, output in zip(view, outputs, strict=True):
        windows[feature["example"]].append((feature, output))
    predictions = []
    for row, context in enumerate(examples["context"][:]):
        score, text = _best_text(windows[row], context, limits)
        if allow_no_answer and windows[row]:
            null = min(float(output["start"][0]) + float(output["end"][0]) for _, output in windows[row])
            text = "" if null - score > limits.null_threshold else text
        predictions.append(text)
    return predictions


def _best_text(windows: list[Window], context: str, limits: Limits) -> tuple[float, str]:
    """The best span of all windows that is not blank, with its score; -inf and "" if there is none."""
    for n_best in (limits.n_best, None) if windows else ():
        found = [_spans(feature, output, n_best, limits.max_answer_length) for feature, output in windows]
        score_P, span_P2 = (np.concatenate(parts) for parts in zip(*found, strict=True))
        for pair in np.argsort(-score_P, kind="stable"):  # of equal scores the first window's first
            text = context[slice(*span_P2[pair].tolist())].strip()
            if text:
                return float(score_P[pair]), text
    return -np.inf, ""


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
