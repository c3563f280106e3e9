"""Features as Hugging Face's example scripts make them: a fast tokenizer in `Dataset.map(batched=True)`, in memory.

Written anew after what run_qa, run_ner, run_glue and run_swag do, without their padding to the longest length, which would make
them slower still.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

Batch = dict[str, list[Any]]
Prepare = Callable[[Batch], Any]
OVERLAP = 128
"""Tokens that two windows share: run_qa's `doc_stride`."""


def mapped(examples: Dataset, prepare: Prepare) -> Dataset:
    """The features of all examples. The fingerprint is given: to find one, `map` would pickle the tokenizer at every call."""
    return examples.map(
        prepare, batched=True, remove_columns=examples.column_names, load_from_cache_file=False, new_fingerprint="measured"
    )


def _windows(tokenizer: PreTrainedTokenizerBase, batch: Batch, max_length: int) -> Any:
    return tokenizer(
        [question.lstrip() for question in batch["question"]],
        batch["context"],
        truncation="only_second",
        max_length=max_length,
        stride=OVERLAP,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def span_qa_training(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Prepare:
    """Windows with the answer's first and last token."""

    def prepare(batch: Batch) -> Any:
        encoded = _windows(tokenizer, batch, max_length)
        rows, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
        encoded["start_positions"], encoded["end_positions"] = [], []
        for number, (row, spans) in enumerate(zip(rows, offsets, strict=True)):
            start, end = _answer(encoded.sequence_ids(number), spans, batch["answers"][row])
            nowhere = encoded["input_ids"][number].index(tokenizer.cls_token_id)
            encoded["start_positions"].append(nowhere if start is None else start)
            encoded["end_positions"].append(nowhere if end is None else end)
        return encoded

    return prepare


def _answer(
    sides: list[int | None], spans: list[tuple[int, int]], answers: list[dict[str, Any]] | None
) -> tuple[int | None, int | None]:
    """The tokens of the first answer; None where the window does not hold it."""
    if not answers:
        return None, None
    begin, stop = answers[0]["start"], answers[0]["start"] + len(answers[0]["text"])
    first, last = 0, len(sides) - 1
    while sides[first] != 1:
        first += 1
    while sides[last] != 1:
        last -= 1
    if spans[first][0] > begin or spans[last][1] < stop:
        return None, None
    while first < len(spans) and spans[first][0] <= begin:
        first += 1
    while spans[last][1] >= stop:
        last -= 1
    return first - 1, last + 1


def span_qa_evaluation(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Prepare:
    """Windows with the characters of the context's tokens and the id of the question."""

    def prepare(batch: Batch) -> Any:
        encoded = _windows(tokenizer, batch, max_length)
        encoded["example_id"] = [batch["id"][row] for row in encoded.pop("overflow_to_sample_mapping")]
        encoded["offset_mapping"] = [
            [span if side == 1 else None for span, side in zip(spans, encoded.sequence_ids(number), strict=True)]
            for number, spans in enumerate(encoded["offset_mapping"])
        ]
        return encoded

    return prepare


def tagging(tokenizer: PreTrainedTokenizerBase, max_length: int, labels: list[str]) -> Prepare:
    """Sentences with the tags on the first token of each word."""
    number = {label: place for place, label in enumerate(labels)}

    def prepare(batch: Batch) -> Any:
        encoded = tokenizer(batch["words"], truncation=True, max_length=max_length, is_split_into_words=True)
        encoded["labels"] = []
        for row, tags in enumerate(batch["tags"]):
            previous, aligned = None, []
            for word in encoded.word_ids(row):
                aligned.append(-100 if word is None or word == previous else number[tags[word]])
                previous = word
            encoded["labels"].append(aligned)
        return encoded

    return prepare


def classification(tokenizer: PreTrainedTokenizerBase, max_length: int, labels: list[str]) -> Prepare:
    """Pairs of texts with their label."""
    number = {label: place for place, label in enumerate(labels)}

    def prepare(batch: Batch) -> Any:
        encoded = tokenizer(batch["text_a"], batch["text_b"], truncation=True, max_length=max_length)
        encoded["label"] = [number[label] for label in batch["label"]]
        return encoded

    return prepare


def multiple_choice(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Prepare:
    """Prompts with each of their choices."""

    def prepare(batch: Batch) -> Any:
        prompts = [[prompt] * len(choices) for prompt, choices in zip(batch["prompt"], batch["choices"], strict=True)]
        texts, seconds = list(chain.from_iterable(prompts)), list(chain.from_iterable(batch["choices"]))
        encoded = tokenizer(texts, seconds, truncation=True, max_length=max_length)
        columns: dict[str, Any] = {"label": batch["label"]}
        for name, rows in encoded.items():
            left = iter(rows)
            columns[name] = [[next(left) for _ in choices] for choices in batch["choices"]]
        return columns

    return prepare
