"""rating: `<s> text </s>` -> a number."""

import numpy as np
import torch
from datasets import Features, List, Value

from xstilts.data.featurizers import padding, tables, tokens

VERSION = 1
INPUTS = ("input_ids",)
FEATURES = Features(
    {"example": Value("int32"), "length": Value("int32"), "input_ids": List(Value("int32")), "rating": Value("float32")}
)


def featurize(examples, tokenizer, task, limits, training):
    """One feature per example; NaN stands for no gold."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=False, least=1)

    def columns_of(first, chunk):
        ids = template.single(tokens.token_ids(tokenizer, chunk["text"]).cut(room))
        rating = np.array([np.nan if rating is None else rating for rating in chunk["rating"]])
        kept = np.flatnonzero(~np.isnan(rating)) if training else np.arange(len(rating))
        return {"example": first + kept, "length": ids.lengths_R[kept], "input_ids": ids[kept], "rating": rating[kept]}

    return tables.build(examples, FEATURES, columns_of)


def collate(rows, special):
    """`input_ids`, `attention_mask`, int64 (B, L), and `ratings`, float32 (B,)."""
    ratings = torch.tensor([row["rating"] for row in rows], dtype=torch.float32)
    return {**padding.inputs([row["input_ids"] for row in rows], special), "ratings": ratings}


def decode(examples, features, outputs, task, limits):
    """The number of each example."""
    predictions = [0.0] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = output["rating"].item()
    return predictions
