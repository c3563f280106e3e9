"""classification: a text or a pair of texts -> one label."""

from typing import Any

from datasets import Features, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),
        "text_a": Value("string"),
        "text_b": Value("string"),  # null: a single text
        "label": Value("string"),  # one of the task's labels; null: no gold
    }
)


def gold(example: dict[str, Any]) -> str | None:
    """The label, or None."""
    return example["label"]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    if not example["text_a"]:
        return "an empty first text"
    if example["label"] is not None and example["label"] not in labels:
        return f"unknown label '{example['label']}', expected one of {', '.join(labels)}"
    return None
