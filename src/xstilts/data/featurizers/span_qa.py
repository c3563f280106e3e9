"""span_qa: `<s> question </s></s> window of the context </s>` -> start and end subword, and back to a text cut from the context.

Reproduces the features of google-research/xtreme third_party/processors/squad.py and of jiant's squad_style tasks: `doc_stride`
is the step from one window to the next (not their overlap, which is what Hugging Face's tokenizers call stride), and a window
without the whole answer has both positions on `<s>`. Answers are aligned by characters instead of whitespace-separated words.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.span_decoding import decode, unrecoverable
from xstilts.data.featurizers.span_windows import align, contexts, most_context, windows
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task

__all__ = ["EVALUATION", "TRAINING", "VERSION", "collate", "decode", "featurize", "unrecoverable"]

VERSION = 1

TRAINING = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "start_position": Value("int32"),  # 0, `<s>`: the window does not hold the whole answer, or there is none; -100: no gold
        "end_position": Value("int32"),  # the answer's last subword
    }
)

EVALUATION = Features(
    {
        **TRAINING,
        "offsets": List(Value("int32")),  # of each subword: start and end character in the context; -1, -1 if not of the context
        "max_context": List(Value("bool")),  # of each subword: no other window shows more context around it
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per window; for evaluation with the columns that `decode` needs.

    Of several answers the first is the target. For training, examples whose answer has no subword are left out too.
    Raises UserError if `limits.max_length` cannot hold the longest question and a subword of the context, or a limit is below 1.
    """
    template = tokens.template(tokenizer)
    text_room = template.room(limits, pair=True, least=limits.max_query_length + 1)
    if limits.doc_stride < 1 or limits.max_query_length < 1:
        raise UserError(
            f"doc_stride={limits.doc_stride}, max_query_length={limits.max_query_length}: expected both to be 1 or more, "
            "such as 128 and 64; set them in the recipe"
        )

    def rows_of(first: int, chunk: tables.Columns) -> Iterable[dict[str, Any]]:
        questions = tokens.token_ids(tokenizer, chunk["question"])
        tokenized = contexts(tokenizer, chunk["context"])
        for row, (question, text, answers) in enumerate(zip(questions, chunk["context"], chunk["answers"], strict=True)):
            context = tokenized[text]
            answer = align(context, answers[0]["start"], answers[0]["start"] + len(answers[0]["text"])) if answers else None
            # Without gold or without a subword of the answer there is nothing to learn; an unanswerable question is learnt.
            if training and answer is None and (answers is None or answers):
                continue
            head = np.array(template.before + question[: limits.max_query_length] + template.between, dtype=np.int32)
            room = text_room - len(question[: limits.max_query_length])
            windows_W2 = windows(len(context.ids_N), room, min(limits.doc_stride, room))
            best_N = None if training else most_context(windows_W2, len(context.ids_N))
            for number, (start, end) in enumerate(windows_W2.tolist()):
                ids = np.concatenate([head, context.ids_N[start:end], np.array(template.after, dtype=np.int32)])
                feature = {"example": first + row, "length": len(ids), "input_ids": ids}
                feature["start_position"] = feature["end_position"] = -100 if answers is None else 0
                if answer is not None and start <= answer[0] and answer[1] < end:
                    feature["start_position"] = len(head) + answer[0] - start
                    feature["end_position"] = len(head) + answer[1] - start
                if best_N is not None:
                    offsets_L2 = np.full((len(ids), 2), -1, dtype=np.int32)
                    offsets_L2[len(head) : len(head) + end - start] = context.spans_N2[start:end]
                    max_context_L = np.zeros(len(ids), dtype=bool)
                    max_context_L[len(head) : len(head) + end - start] = best_N[start:end] == number
                    feature |= {"offsets": offsets_L2.reshape(-1), "max_context": max_context_L}
                yield feature

    return tables.build(examples, TRAINING if training else EVALUATION, rows_of)


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` (B, L), `start_positions` and `end_positions` (B,), int64."""
    return {
        **padding.inputs([row["input_ids"] for row in rows], special),
        "start_positions": torch.tensor([row["start_position"] for row in rows]),
        "end_positions": torch.tensor([row["end_position"] for row in rows]),
    }
