"""span_qa: a question and a context -> a span of the context, or no answer."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from xstilts.tasks.format import SPECIAL_TOKENS, Example, Format, Predictions, Submission


def gold_value(example: Example) -> list[str] | None:
    """The accepted answer texts; empty: unanswerable; None: no gold."""
    return None if example["answers"] is None else [answer["text"] for answer in example["answers"]]


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    for field in ("question", "context"):
        if not example[field].strip():
            return f"an empty {field}"
    return "an answer with an empty text" if any(not text.strip() for text in gold_value(example) or []) else None


def shuffled(examples: Sequence[Example], random: Random) -> list[list[dict[str, Any]]]:
    """A random span of its context for each example, with the length of the first answer of another one, or no answer.

    Answers of other questions of a context would still tell which spans are likely answers.
    """
    lengths = [len(example["answers"][0]["text"]) if example["answers"] else 0 for example in examples]
    random.shuffle(lengths)
    return [
        [_span(example["context"], length, random)] if length else [] for example, length in zip(examples, lengths, strict=True)
    ]


def _span(context: str, length: int, random: Random) -> dict[str, Any]:
    """An answer of `length` characters, or fewer at the end of a context; white space is neither its first nor its last one."""
    last = max(0, len(context) - length)
    start = random.choice([place for place, character in enumerate(context[: last + 1]) if not character.isspace()] or [last])
    return {"text": context[start : start + length].strip(), "start": start}


def _write(rows: Predictions, language: str) -> str:
    """An object: question id -> answer."""
    return json.dumps({row["id"]: row["prediction"] for row in rows}, indent=1) + "\n"


FORMAT = Format(
    name="span_qa",
    fields={
        "id": "string",
        "language": "string",  # of the context, hence of the answer
        "question": "string",
        "context": "string",
        # null: no gold; empty: the question is unanswerable. `start` counts characters (code points) of `context`, where the text
        # is; it is null if the text is not in the context.
        "answers": [{"text": "string", "start": "int32"}],
    },
    head="xstilts.models.heads.span_qa:SpanHead",
    featurizer="xstilts.data.featurizers.span_qa",
    predictions="answer",
    default_metric="squad",
    problem=problem,
    shuffled=shuffled,
    perturbed=("question",),  # answers are spans of the context
    gold="answers",
    gold_value=gold_value,
    shared=("context",),
    check_answers="xstilts.sources.answers:place_answers",
    shortest=SPECIAL_TOKENS + 1,
    beside="max_query_length",
    limits=("max_length", "doc_stride", "max_query_length", "n_best", "max_answer_length", "null_threshold"),
    transformers="QuestionAnswering",
    pipeline="question-answering",
    submission=Submission("json", _write),
)
