"""mlm: plain text, one line per example; the masked subwords are to be restored."""

from typing import Any

from datasets import Features, Value

FEATURES = Features({"id": Value("string"), "language": Value("string"), "text": Value("string")})


def gold(example: dict[str, Any]) -> None:
    """There is none: the text itself is the target."""
    return None


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    return None if example["text"].strip() else "an empty text"
