"""retrieval: texts -> embeddings.

A text with a context is encoded as one text, joined without a separator and without newlines, as google-research/xtreme
third_party/evaluate_retrieval.py does for LAReQA's candidates. It trains on them as a pair of sentence and paragraph
(third_party/processors/lareqa.py); here both are encoded alike. There is no `decode`: predictions need whole pools of
vectors, see `xstilts.retrieval.protocols`.
"""

from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.ragged import RaggedArray, alternating, grouped
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.tasks.declaration import Limits, Task

VERSION = 1
INPUTS = ("input_ids",)

TEXT = Features({"example": Value("int32"), "length": Value("int32"), "input_ids": List(Value("int32"))})
"""A text to be embedded."""

PAIR = Features(
    {
        "example": Value("int32"),  # row of the query
        "length": Value("int32"),  # twice the longer row: the cost of the pair padded to one length
        "input_ids": List(List(Value("int32"))),  # the query and its first relevant candidate
    }
)
"""A query and a candidate to be brought together."""


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """For training, one feature per query with its first relevant candidate; else one per text.

    Texts are cut at `limits.max_length`, queries of answer retrieval at `limits.max_query_length` if that is less (special tokens
    count in both). Raises UserError if that holds no token, or a query's relevant candidates are not among the examples.
    """
    template = tokens.template(tokenizer)
    query_length = min(limits.max_length, limits.max_query_length) if task.protocol == "answer_retrieval" else limits.max_length
    room = {
        "candidate": template.room(limits, pair=False, least=1),
        "query": template.room(Limits(max_length=query_length), pair=False, least=1),
    }

    def encode(sides: list[str], texts: list[str], contexts: list[str | None]) -> RaggedArray:
        ids = tokens.token_ids(tokenizer, [joined(text, context) for text, context in zip(texts, contexts, strict=True)])
        return template.single(ids.cut(np.array([room[side] for side in sides], dtype=np.int64)))

    def texts_of(first: int, chunk: tables.Columns) -> tables.Made:
        ids = encode(chunk["side"], chunk["text"], chunk["context"])
        return {"example": first + np.arange(len(ids)), "length": ids.lengths_R, "input_ids": ids}

    def pairs_of(first: int, chunk: tables.Columns) -> tables.Made:
        rows = [row for row, relevant in enumerate(chunk["relevant"]) if relevant]
        queries = encode(["query"] * len(rows), [chunk["text"][row] for row in rows], [chunk["context"][row] for row in rows])
        found = examples[[_first_known(chunk["id"][row], chunk["relevant"][row], row_of) for row in rows]] if rows else None
        candidates = encode(["candidate"] * len(rows), found["text"] if found else [], found["context"] if found else [])
        return {
            "example": first + np.array(rows, dtype=np.int64),
            "length": 2 * np.maximum(queries.lengths_R, candidates.lengths_R),
            "input_ids": grouped(alternating(queries, candidates).arrow(), np.full(len(rows), 2)),
        }

    if not training:
        return tables.build(examples, TEXT, texts_of)
    sides = examples["side"][:]
    row_of = {id: row for row, id in enumerate(examples["id"][:]) if sides[row] == "candidate"}
    return tables.build(examples, PAIR, pairs_of)


def joined(text: str, context: str | None) -> str:
    """The text that the encoder reads."""
    return text if context is None else (text + context).replace("\n", "")


def _first_known(query: str, relevant: list[str], row_of: dict[str, int]) -> int:
    """The row of the first relevant candidate that is among the examples."""
    for candidate in relevant:
        if candidate in row_of:
            return row_of[candidate]
    raise UserError(
        f"query '{query}': none of {counted(len(relevant), 'relevant candidate')} (the first: '{relevant[0]}') is among the "
        f"{counted(len(row_of), 'candidate')} of the training data; expected every query's candidates beside it"
    )


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids` and `attention_mask`, int64: (B, L) for texts; (2B, L) for pairs, the B queries before the B candidates."""
    ids = [row["input_ids"] for row in rows]
    if np.ndim(ids[0][0]) == 0:
        return padding.inputs(ids, special)
    return padding.inputs([pair[side] for side in (0, 1) for pair in ids], special)
