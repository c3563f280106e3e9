"""tagging: words -> one tag each."""

from typing import Any

from datasets import Features, List, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),
        "words": List(Value("string")),
        "tags": List(Value("string")),  # as many as words, each one of the task's labels; null: no gold
    }
)


def gold(example: dict[str, Any]) -> list[str] | None:
    """The tags, or None."""
    return example["tags"]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    tags = example["tags"]
    if not example["words"]:
        return "a sentence without words"
    if tags is None:
        return None
    if len(tags) != len(example["words"]):
        return f"{len(tags)} tags for {len(example['words'])} words"
    for word, tag in zip(example["words"], tags, strict=True):
        if tag not in labels:
            return f"unknown tag '{tag}' of the word '{word}', expected one of {', '.join(labels)}"
    return None
