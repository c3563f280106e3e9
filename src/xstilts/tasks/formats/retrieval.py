"""retrieval: sentences -> embeddings; a query is to find its relevant candidates.

One row per text, queries and candidates in one table. Protocols: `sentence_matching` (Tatoeba), `bitext_mining` (BUCC),
`answer_retrieval` (LAReQA).
"""

from typing import Any

from datasets import Features, List, Value

FEATURES = Features(
    {
        "id": Value("string"),  # unique among all texts of the task and split, in all languages
        "language": Value("string"),  # of the pair or pool that the row belongs to (the `de` of de-en also for its English side)
        "side": Value("string"),  # "query" or "candidate"
        "text": Value("string"),
        "context": Value("string"),  # follows `text` in the encoder's input (a passage around an answer); null: none
        "relevant": List(Value("string")),  # of a query: ids of its candidates; empty: none; null: no gold. Null for candidates.
    }
)


def gold(example: dict[str, Any]) -> list[str] | None:
    """The ids of a query's relevant candidates, or None."""
    return example["relevant"]


def problem(example: dict[str, Any], labels: list[str]) -> str | None:
    """What is wrong with the example, or None."""
    if not example["text"]:
        return "an empty text"
    if example["side"] not in ("query", "candidate"):
        return f"side '{example['side']}', expected query or candidate"
    return None
