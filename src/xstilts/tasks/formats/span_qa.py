"""span_qa: a question and a context -> a span of the context, or no answer."""

from typing import Any

from datasets import Features, List, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),  # of the context, hence of the answer
        "question": Value("string"),
        "context": Value("string"),
        # null: no gold; empty: the question is unanswerable. `start` counts characters (code points) of `context`, where the text
        # is; it is null if the text is not in the context.
        "answers": List({"text": Value("string"), "start": Value("int32")}),
    }
)


def gold(example: dict[str, Any]) -> list[str] | None:
    """The accepted answer texts; empty: unanswerable; None: no gold."""
    return None if example["answers"] is None else [answer["text"] for answer in example["answers"]]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    for field in ("question", "context"):
        if not example[field].strip():
            return f"an empty {field}"
    return "an answer with an empty text" if any(not text.strip() for text in gold(example) or []) else None
