"""mlm: plain text, one line per example, or a pair of translations; the masked tokens are to be restored."""

from typing import Any

from datasets import Features, Value

FEATURES = Features(
    {
        "id": Value("string"),
        "language": Value("string"),  # of `text`
        "text": Value("string"),
        "translation": Value("string"),  # the same in another language: a pair for translation language modelling; null: none
    }
)


def gold(example: dict[str, Any]) -> None:
    """There is none: the text itself is the target."""
    return None


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    return None if example["text"].strip() else "an empty text"
