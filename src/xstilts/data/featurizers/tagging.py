"""tagging: words -> one tag each, carried by the word's first token.

Words are tokenized one by one, as in google-research/xtreme third_party/utils_tag.py; a word without tokens becomes the
unknown token, or another special token if the tokenizer has none. A sentence that is too long is cut between words into pieces,
which `decode` joins again, so that no word is ever dropped.
"""

from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, probabilities, tables, tokens
from xstilts.data.featurizers.ragged import RaggedArray, constant, packed, side_by_side
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.numbering import counted
from xstilts.tasks.declaration import Limits, Task

VERSION = 1
INPUTS = ("input_ids", "word_positions")

FEATURES = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "first_word": Value("int32"),  # number of the piece's first word in its sentence
        "word_positions": List(Value("int32")),  # of each word of the piece: the position of its first token in input_ids
        "labels": List(Value("int32")),  # of each word of the piece: index into the task's labels; -100: no gold
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per piece of a sentence. Raises UserError if `limits.max_length` cannot hold a token."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=False, least=1)
    special = (tokenizer.unk_token_id, tokenizer.mask_token_id, tokenizer.sep_token_id, tokenizer.eos_token_id, 0)
    unknown = np.array([next(id for id in special if id is not None)], dtype=np.int32)
    number = {label: index for index, label in enumerate(task.labels)} | {None: -100}

    def columns_of(first: int, chunk: tables.Columns) -> tables.Made:
        counts = np.array([len(words) for words in chunk["words"]])
        # A word longer than the window keeps its first tokens.
        words = tokens.token_ids(tokenizer, list(chain.from_iterable(chunk["words"]))).cut(room)
        words = side_by_side(words, constant(unknown, (words.lengths_R == 0).astype(np.int64)))
        start, end = pieces(words.lengths_R, counts, room)
        sentence = np.searchsorted(np.cumsum(counts), start, side="right")
        opens = words.starts_R[start]
        ids = template.single(RaggedArray(words.values_T, opens, words.starts_R[end - 1] + words.lengths_R[end - 1] - opens))
        positions = (len(template.before) + words.starts_R - np.repeat(opens, end - start)).astype(np.int32)
        tags = ([None] * len(names) if tags is None else tags for names, tags in zip(chunk["words"], chunk["tags"], strict=True))
        labels = np.fromiter(map(number.__getitem__, chain.from_iterable(tags)), dtype=np.int32, count=len(words))
        features = {
            "example": first + sentence,
            "length": ids.lengths_R,
            "input_ids": ids,
            "first_word": start - (np.cumsum(counts) - counts)[sentence],
            "word_positions": packed(positions, end - start),
            "labels": packed(labels, end - start),
        }
        if training:
            kept = np.array([tags is not None for tags in chunk["tags"]])[sentence]
            features = {name: column[kept] for name, column in features.items()}
        return features

    return tables.build(examples, FEATURES, columns_of)


def pieces(lengths: np.ndarray, counts: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cut sentences: the first word and the word after the last of each piece, over all sentences' words, in order.

    `lengths`: the tokens of each word, 1 to `room`; `counts`: the words of each sentence, 0 or more.
    """
    filled = np.append(0, np.cumsum(lengths))
    end = np.cumsum(counts)
    start, end = (values[counts > 0] for values in (end - counts, end))
    starts = ends = np.zeros(0, dtype=np.int64)
    while len(start):  # another piece of every sentence that has words left
        cut = np.minimum(np.searchsorted(filled, filled[start] + room, side="right") - 1, end)
        starts, ends = np.append(starts, start), np.append(ends, cut)
        start, end = cut[cut < end], end[cut < end]
    return np.sort(starts), np.sort(ends)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` and `labels` (B, L), int64, and `word_positions`, a list of B lists.

    `labels` is -100 on all but the first tokens of words with a gold tag.
    """
    batch = padding.inputs([row["input_ids"] for row in rows], special)
    labels_BL = torch.full_like(cast(torch.Tensor, batch["input_ids"]), -100)
    for number, row in enumerate(rows):
        labels_BL.numpy()[number, row["word_positions"]] = row["labels"]
    return {**batch, "labels": labels_BL, "word_positions": [np.asarray(row["word_positions"]).tolist() for row in rows]}


def decode(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[list[str]]:
    """The tags of each sentence, as many as words; `tags` (words of the piece,) holds indices into the task's labels."""
    predictions: list[list[str]] = [[""] * len(words) for words in examples["words"][:]]
    pieces_of = zip(features["example"][:], features["first_word"][:], features["word_positions"][:], outputs, strict=True)
    for example, first, positions, output in pieces_of:
        if len(output["tags"]) != len(positions):
            got = counted(len(output["tags"]), "tag")
            raise ValueError(f"{got} for a piece of example {example}, expected {len(positions)}, one for each word")
        predictions[example][first : first + len(positions)] = [task.labels[int(tag)] for tag in output["tags"]]
    return predictions


def confidence(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[list[float]]:
    """The probability of each word's tag."""
    found: list[list[float]] = [[0.0] * len(words) for words in examples["words"][:]]
    for example, first, output in zip(features["example"][:], features["first_word"][:], outputs, strict=True):
        found[example][first : first + len(output["probability"])] = probabilities.rounded(output["probability"])
    return found
