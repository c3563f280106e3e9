"""classification: `<s> A </s>` or `<s> A </s></s> B </s>` -> one of the task's labels.

A pair that is too long loses tokens of its longer text first, as in google-research/xtreme third_party/run_classify.py.
"""

from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, probabilities, tables, tokens
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Limits, Task

VERSION = 2
INPUTS = ("input_ids", "second_segment")
MOST_LABELS = 10
"""The number of most probable labels whose probabilities are kept."""

FEATURES = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "second_segment": Value("int32"),  # the token from which segment ids are 1; 0: they are 0 everywhere
        "label": Value("int32"),  # index into the task's labels; -100: no gold
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per example. Raises UserError if `limits.max_length` cannot hold a token of each text."""
    template = tokens.template(tokenizer)
    pair_room, single_room = template.room(limits, pair=True, least=2), template.room(limits, pair=False, least=1)
    number = {label: index for index, label in enumerate(task.labels)}

    def columns_of(first: int, chunk: tables.Columns) -> tables.Made:
        firsts = tokens.token_ids(tokenizer, chunk["text_a"])
        seconds = tokens.token_ids(tokenizer, [text or "" for text in chunk["text_b"]])
        paired = np.array([text is not None for text in chunk["text_b"]])
        keep_a, keep_b = tokens.longest_first(firsts.lengths_R, seconds.lengths_R, pair_room)
        firsts = firsts.cut(np.where(paired, keep_a, single_room))
        ids = template.pair(firsts, seconds.cut(keep_b), paired)
        segment = template.second_segment(firsts, paired)
        label = np.array([-100 if label is None else number[label] for label in chunk["label"]])
        kept = np.flatnonzero(label >= 0) if training else np.arange(len(label))
        return {
            "example": first + kept,
            "length": ids.lengths_R[kept],
            "input_ids": ids[kept],
            "second_segment": segment[kept],
            "label": label[kept],
        }

    return tables.build(examples, FEATURES, columns_of)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` (B, L) and `labels` (B,), int64; `token_type_ids` (B, L) where there are segments."""
    return {
        **padding.inputs([row["input_ids"] for row in rows], special, [row["second_segment"] for row in rows]),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


def decode(examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits) -> list[str]:
    """The label with the highest of `logits` (C,); the first of equal ones."""
    predictions = [""] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = task.labels[int(output["logits"].argmax())]
    return predictions


def confidence(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[dict[str, float]]:
    """The most probable labels, at most `MOST_LABELS`, with their probabilities."""
    found: list[dict[str, float]] = [{} for _ in range(len(examples))]
    for example, output in zip(features["example"][:], outputs, strict=True):
        probability_C = probabilities.softmax(output["logits"])
        best = np.argsort(-output["logits"], kind="stable")[:MOST_LABELS].tolist()
        found[example] = {task.labels[label]: probability_C[label] for label in best}
    return found
