"""span_qa: `<s> question </s></s> window of the context </s>` -> start and end token, and back to a text cut from the context.

Reproduces the features of google-research/xtreme third_party/processors/squad.py and of jiant's squad_style tasks: `doc_stride`
is the step from one window to the next (not their overlap, which is what Hugging Face's tokenizers call stride), and a window
without the whole answer has both positions on `<s>`. Answers are aligned by characters instead of whitespace-separated words.
"""

from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.ragged import RaggedArray, constant, packed, side_by_side
from xstilts.data.featurizers.span_check import RoundTrip, cut_out
from xstilts.data.featurizers.span_decoding import confidence, decode
from xstilts.data.featurizers.span_windows import align, contexts, most_context, windows
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task

__all__ = ["EVALUATION", "INPUTS", "TRAINING", "VERSION", "collate", "confidence", "decode", "featurize"]

VERSION = 2
INPUTS = ("input_ids", "second_segment")

TRAINING = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "second_segment": Value("int32"),  # the token from which segment ids are 1; 0: they are 0 everywhere
        "start_position": Value("int32"),  # 0, `<s>`: the window does not hold the whole answer, or there is none; -100: no gold
        "end_position": Value("int32"),  # the answer's last token
    }
)

EVALUATION = Features(
    {
        **TRAINING,
        "offsets": List(Value("int32")),  # of each token: start and end character in the context; -1, -1 if not of the context
        "max_context": List(Value("bool")),  # of each token: no other window shows more context around it
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per window; for evaluation with the columns that `decode` needs.

    Of several answers the first whose place in the context is known is the target; how many of them cannot be cut out of the
    context again is logged. For training, examples whose answer has no token are left out too.
    Raises UserError if `limits.max_length` cannot hold the longest question and a token of the context, or a limit is below 1.
    """
    template = tokens.template(tokenizer)
    text_room = template.room(limits, pair=True, least=limits.max_query_length + 1)
    if limits.doc_stride < 1 or limits.max_query_length < 1:
        raise UserError(
            f"doc_stride={limits.doc_stride}, max_query_length={limits.max_query_length}: expected both to be 1 or more, "
            "such as 128 and 64; set them in the recipe"
        )
    round_trip = RoundTrip(task.name)

    def columns_of(first: int, chunk: tables.Columns) -> tables.Made:
        questions = tokens.token_ids(tokenizer, chunk["question"]).cut(limits.max_query_length)
        texts = contexts(tokenizer, chunk["context"])
        answers = chunk["answers"]
        targets = [next((answer for answer in gold or [] if answer["start"] is not None), None) for gold in answers]
        begin = np.array([target["start"] if target else 0 for target in targets])
        answer_first, answer_last = align(
            texts.spans, begin, begin + [len(target["text"]) if target else 0 for target in targets]
        )
        cut_texts = cut_out(chunk["context"], texts.spans, answer_first, answer_last)
        kept = np.arange(len(answers))
        if training:
            # Without gold or without a token of the answer there is nothing to learn; an unanswerable question is learnt.
            kept = np.flatnonzero((answer_first >= 0) | np.array([gold is not None and not gold for gold in answers]))
        questions, texts = questions[kept], texts[kept]
        room = text_room - questions.lengths_R
        cut = windows(texts.ids.lengths_R, room, np.minimum(limits.doc_stride, room))
        row, start, size = cut.row_W, cut.start_W, cut.end_W - cut.start_W

        def in_window(values: np.ndarray, width: int) -> RaggedArray:
            return RaggedArray(values, width * (texts.ids.starts_R[row] + start), width * size)

        ids = template.pair(questions[row], in_window(texts.ids.values_T, 1))
        head = ids.lengths_R - size - len(template.after)
        inside = (start <= answer_first[kept][row]) & (answer_last[kept][row] < cut.end_W)
        unknown = [gold is None or bool(gold and not target) for gold, target in zip(answers, targets, strict=True)]
        nowhere = np.where(unknown, -100, 0)[kept][row]
        features: dict[str, np.ndarray | RaggedArray] = {
            "example": first + kept[row],
            "length": ids.lengths_R,
            "input_ids": ids,
            "second_segment": template.second_segment(questions[row]),
            "start_position": np.where(inside, head + answer_first[kept][row] - start, nowhere),
            "end_position": np.where(inside, head + answer_last[kept][row] - start, nowhere),
        }
        whole = np.bincount(kept[row], weights=inside, minlength=len(answers)) > 0
        round_trip.add(chunk, [target and target["text"] for target in targets], cut_texts, whole)
        if not training:
            features["offsets"] = _around(head, in_window(texts.spans.values_T.reshape(-1), 2), len(template.after), 2, -1)
            flags = packed(most_context(cut, texts.ids.lengths_R), size)
            features["max_context"] = _around(head, flags, len(template.after), 1, False)
        return features

    features = tables.build(examples, TRAINING if training else EVALUATION, columns_of, tables.CHUNK // 4)
    round_trip.log()
    return features


def _around(head: np.ndarray, rows: RaggedArray, after: int, width: int, fill: int) -> RaggedArray:
    """The rows with `width` times `fill` for each of the `head` tokens before them and the `after` tokens behind them."""
    filling = np.full(width * int(max(head.max(initial=0), after)), fill, dtype=rows.values_T.dtype)
    return side_by_side(constant(filling, width * head), rows, constant(filling, np.full_like(head, width * after)))


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` (B, L), `start_positions` and `end_positions` (B,), int64.

    `token_type_ids` (B, L) where there are segments.
    """
    return {
        **padding.inputs([row["input_ids"] for row in rows], special, [row["second_segment"] for row in rows]),
        "start_positions": torch.tensor([row["start_position"] for row in rows]),
        "end_positions": torch.tensor([row["end_position"] for row in rows]),
    }
