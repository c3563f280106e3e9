"""map_at_20: mean average precision over the first 20 candidates (LAReQA).

Reproduces google-research/xtreme third_party/utils_lareqa.py, `mean_avg_prec_at_k`: the mean over all questions of all
languages pooled, so the official figure comes from scoring them together and not from averaging languages.
"""

from collections.abc import Sequence

KEYS = ("map_at_20",)
SCORES = "ranking"

CUT = 20


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """`map_at_20` in percent; gold: ids of the relevant candidates; predictions: ids, the best first. `language` plays no part.

    Raises `ValueError` for a query without relevant candidates, which has no average precision: the official script leaves such
    questions out of the data.
    """
    total = 0.0
    for number, (relevant, ranked) in enumerate(zip(gold, predictions, strict=True), start=1):
        if not relevant:
            raise ValueError(f"map_at_20: query {number} has no relevant candidate; leave it out of the examples")
        total += average_precision(set(relevant), ranked)
    return {"map_at_20": 100.0 * total / len(gold)}


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """(average precision, 1) for each query; see `metrics.item_scores`."""
    return [(average_precision(set(relevant), ranked), 1) for relevant, ranked in zip(gold, predictions, strict=True)]


def average_precision(relevant: set[str], ranked: Sequence[str]) -> float:
    """AP@20 in [0, 1]: the sum of the precisions at each hit, over the most hits there can be. A repeated id counts once."""
    hits = total = 0.0
    seen: set[str] = set()
    for rank, candidate in enumerate(ranked[:CUT], start=1):
        if candidate in relevant and candidate not in seen:
            hits += 1
            total += hits / rank
        seen.add(candidate)
    return total / min(len(relevant), CUT)
