"""multiple_choice: a prompt and k choices -> the index of one; k may differ by example."""

from typing import Any

from datasets import Features, List, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),
        "prompt": Value("string"),
        "choices": List(Value("string")),
        "label": Value("int32"),  # index into `choices`; null: no gold
    }
)


def gold(example: dict[str, Any]) -> int | None:
    """The index of the right choice, or None."""
    return example["label"]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    count = len(example["choices"])
    if count < 2:
        return f"{count} choice(s), expected two or more"
    if example["label"] is not None and not 0 <= example["label"] < count:
        return f"label {example['label']} is not the index of one of {count} choices"
    return None
