"""xtreme_tagging_f1: the values of `tagging_f1` with seqeval 0.0.12's F1 as the main score, as in XTREME's published numbers."""

from collections.abc import Sequence

from xstilts.metrics import tagging_f1

KEYS = ("f1_seqeval_0_0_12",)
SCORES = "tags"


def item_scores(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> list[tuple[float, float]]:
    """As `tagging_f1.item_scores`, under the rule of 0.0.12."""
    return tagging_f1.item_scores(gold, predictions, language, tagging_f1.split_0_0_12)


def score(gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """As `tagging_f1.score`, the main score first."""
    values = tagging_f1.score(gold, predictions, language)
    return {"f1_seqeval_0_0_12": values.pop("f1_seqeval_0_0_12"), **values}
