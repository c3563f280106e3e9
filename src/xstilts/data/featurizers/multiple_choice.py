"""multiple_choice: `<s> prompt </s></s> choice </s>` for each of k choices -> the index of one.

A row that is too long loses the end of its prompt; only where the choice alone leaves no room for one, the longer text is cut.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Limits, Task

VERSION = 1

FEATURES = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),  # k times the longest row: what the feature costs when its rows are padded to one length
        "input_ids": List(List(Value("int32"))),  # one row per choice
        "label": Value("int32"),  # index of the choice; -100: no gold
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per example. Raises UserError if `limits.max_length` cannot hold a subword of prompt and choice."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=True, least=2)

    def row_ids(prompt: tokens.Ids, choice: tokens.Ids) -> tokens.Ids:
        keep_prompt, keep_choice = room - len(choice), len(choice)
        if keep_prompt < 1:
            keep_prompt, keep_choice = tokens.longest_first(len(prompt), len(choice), room)
        return template.pair(prompt[:keep_prompt], choice[:keep_choice])

    def rows_of(first: int, chunk: tables.Columns) -> Iterable[dict[str, Any]]:
        prompts = tokens.token_ids(tokenizer, chunk["prompt"])
        choices = iter(tokens.token_ids(tokenizer, list(chain.from_iterable(chunk["choices"]))))
        for row, (prompt, texts, label) in enumerate(zip(prompts, chunk["choices"], chunk["label"], strict=True)):
            ids = [row_ids(prompt, next(choices)) for _ in texts]
            if training and label is None:
                continue
            yield {
                "example": first + row,
                "length": len(ids) * max(map(len, ids)),
                "input_ids": ids,
                "label": -100 if label is None else label,
            }

    return tables.build(examples, FEATURES, rows_of)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` (R, L), `choice_counts` and `labels` (B,), int64. R: the choices of all B examples."""
    return {
        **padding.inputs([ids for row in rows for ids in row["input_ids"]], special),
        "choice_counts": torch.tensor([len(row["input_ids"]) for row in rows]),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


def decode(examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits) -> list[int]:
    """The choice with the highest of `logits` (k,); the first of equal ones."""
    predictions = [0] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = int(output["logits"].argmax())
    return predictions
