"""multiple_choice: `<s> prompt </s></s> choice </s>` for each of k choices -> the index of one.

A row that is too long loses the end of its prompt; if the choice leaves no room for a prompt, the longer text is cut.
"""

from itertools import chain
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, probabilities, tables, tokens
from xstilts.data.featurizers.ragged import grouped, packed
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Limits, Task

VERSION = 3
INPUTS = ("input_ids", "second_segment")

FEATURES = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),  # k times the longest row: the cost of the feature with its rows padded to one length
        "input_ids": List(List(Value("int32"))),  # one row per choice
        "second_segment": List(Value("int32")),  # for each row the token from which segment ids are 1; 0: they are 0 everywhere
        "label": Value("int32"),  # index of the choice; -100: no gold
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per example. Raises UserError if `limits.max_length` cannot hold a token of prompt and choice."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=True, least=2)

    def columns_of(first: int, chunk: tables.Columns) -> tables.Made:
        counts = np.array([len(texts) for texts in chunk["choices"]])
        label = np.array([-100 if label is None else label for label in chunk["label"]])
        kept = np.flatnonzero(label >= 0) if training else np.arange(len(label))
        choices = tokens.token_ids(tokenizer, list(chain.from_iterable(chunk["choices"])))
        prompts = tokens.token_ids(tokenizer, chunk["prompt"])[np.repeat(np.arange(len(counts)), counts)]
        keep_prompt, keep_choice = tokens.longest_first(prompts.lengths_R, choices.lengths_R, room)
        left = room - choices.lengths_R
        keep_prompt, keep_choice = np.where(left < 1, keep_prompt, left), np.where(left < 1, keep_choice, room)
        prompts = prompts.cut(keep_prompt)
        rows = template.pair(prompts, choices.cut(keep_choice))
        segments = packed(template.second_segment(prompts), counts)
        longest = np.maximum.reduceat(rows.lengths_R, np.cumsum(counts) - counts)
        return {
            "example": first + kept,
            "length": (counts * longest)[kept],
            "input_ids": grouped(rows.arrow(), counts).take(kept),
            "second_segment": segments[kept],
            "label": label[kept],
        }

    return tables.build(examples, FEATURES, columns_of)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` (R, L), `choice_counts` and `labels` (B,), int64. R: the choices of all B examples.

    `token_type_ids` (R, L) where there are segments.
    """
    segments = [int(start) for row in rows for start in row["second_segment"]]
    return {
        **padding.inputs([ids for row in rows for ids in row["input_ids"]], special, segments),
        "choice_counts": torch.tensor([len(row["input_ids"]) for row in rows]),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


def decode(examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits) -> list[int]:
    """The choice with the highest of `logits` (k,); the first of equal ones."""
    predictions = [0] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = int(output["logits"].argmax())
    return predictions


def confidence(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[list[float]]:
    """The probability of each choice."""
    found: list[list[float]] = [[] for _ in range(len(examples))]
    for example, output in zip(features["example"][:], outputs, strict=True):
        found[example] = probabilities.softmax(output["logits"])
    return found
