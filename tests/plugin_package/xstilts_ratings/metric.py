"""within_one: how often a predicted number is at most 1 off."""

KEYS = ("within_one",)
SCORES = "number"


def score(gold, predictions, language):
    """`within_one` in percent; gold and predictions: a number each."""
    return {"within_one": 100 * sum(right for right, _ in item_scores(gold, predictions, language)) / len(gold)}


def item_scores(gold, predictions, language):
    """Return whether each prediction is at most 1 off, of one."""
    return [(abs(right - given) <= 1, 1) for right, given in zip(gold, predictions, strict=True)]
