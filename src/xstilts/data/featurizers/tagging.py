"""tagging: words -> one tag each, carried by the word's first subword.

Words are tokenized one by one, as in google-research/xtreme third_party/utils_tag.py; one that gives no subword becomes the
unknown token. A sentence that is too long is cut between words into pieces, which `decode` joins again, so that no word is ever
dropped.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, cast

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
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "first_word": Value("int32"),  # number of the piece's first word in its sentence
        "word_positions": List(Value("int32")),  # of each word of the piece: where its first subword stands in input_ids
        "labels": List(Value("int32")),  # of each word of the piece: index into the task's labels; -100: no gold
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per piece of a sentence. Raises UserError if `limits.max_length` cannot hold a subword."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=False, least=1)
    unknown = [cast(int, tokenizer.unk_token_id)]
    number = {label: index for index, label in enumerate(task.labels)}

    def rows_of(first: int, chunk: tables.Columns) -> Iterable[dict[str, Any]]:
        subwords = iter(tokens.token_ids(tokenizer, list(chain.from_iterable(chunk["words"]))))
        for row, (words, tags) in enumerate(zip(chunk["words"], chunk["tags"], strict=True)):
            # A word longer than the window keeps its first subwords.
            sentence = [(next(subwords) or unknown)[:room] for _ in words]
            if training and tags is None:
                continue
            labels = [-100] * len(words) if tags is None else [number[tag] for tag in tags]
            for start, end in pieces([len(ids) for ids in sentence], room):
                lengths = [len(ids) for ids in sentence[start:end]]
                ids = template.single(list(chain.from_iterable(sentence[start:end])))
                positions = len(template.before) + np.cumsum([0, *lengths[:-1]], dtype=np.int32)
                yield {
                    "example": first + row,
                    "length": len(ids),
                    "input_ids": ids,
                    "first_word": start,
                    "word_positions": positions.astype(np.int32),
                    "labels": labels[start:end],
                }

    return tables.build(examples, FEATURES, rows_of)


def pieces(lengths: list[int], room: int) -> Iterator[tuple[int, int]]:
    """Where to cut a sentence whose words have these numbers of subwords (each at most `room`): [start, end) of each piece."""
    start = filled = 0
    for word, length in enumerate(lengths):
        if filled + length > room:
            yield start, word
            start, filled = word, 0
        filled += length
    if start < len(lengths):
        yield start, len(lengths)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` and `labels` (B, L), int64, and `word_positions`, a list of B lists.

    `labels` is -100 on all but the first subwords of words with a gold tag.
    """
    batch = padding.inputs([row["input_ids"] for row in rows], special)
    labels_BL = torch.full_like(cast(torch.Tensor, batch["input_ids"]), -100)
    for number, row in enumerate(rows):
        labels_BL[number, torch.as_tensor(row["word_positions"], dtype=torch.int64)] = torch.as_tensor(
            row["labels"], dtype=torch.int64
        )
    return {**batch, "labels": labels_BL, "word_positions": [list(row["word_positions"]) for row in rows]}


def decode(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[list[str]]:
    """The tags of each sentence, as many as words; `tags` (words of the piece,) holds indices into the task's labels."""
    predictions: list[list[str]] = [[""] * len(words) for words in examples["words"][:]]
    pieces_of = zip(features["example"][:], features["first_word"][:], features["word_positions"][:], outputs, strict=True)
    for example, first, positions, output in pieces_of:
        if len(output["tags"]) != len(positions):
            raise ValueError(f"{len(output['tags'])} tags for the {len(positions)} words of a piece of example {example}")
        predictions[example][first : first + len(positions)] = [task.labels[int(tag)] for tag in output["tags"]]
    return predictions
