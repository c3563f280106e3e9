"""span_qa: a question and a context -> a span of the context, or no answer."""

from typing import Any

from datasets import Features, List, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),  # of the context, hence of the answer
        "question": Value("string"),
        "context": Value("string"),
        # `start` counts characters (code points) of `context`. null: no gold; empty: the question is unanswerable.
        "answers": List({"text": Value("string"), "start": Value("int32")}),
    }
)


def gold(example: dict[str, Any]) -> list[str] | None:
    """The accepted answer texts; empty: unanswerable; None: no gold."""
    return None if example["answers"] is None else [answer["text"] for answer in example["answers"]]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    context = example["context"]
    for answer in example["answers"] or []:
        start, text = answer["start"], answer["text"]
        if not text:
            return "an answer with an empty text"
        if start < 0 or start + len(text) > len(context):
            return f"answer '{text}' at {start} lies outside its context of {len(context)} characters"
        if context[start : start + len(text)] != text:
            return f"answer '{text}' does not stand at {start} of its context, '{context[start : start + len(text)]}' does"
    return None
