"""rating: a text -> a number."""

from xstilts.tasks.format import Format

FORMAT = Format(
    name="rating",
    fields={"id": "string", "language": "string", "text": "string", "rating": "float32"},
    head="xstilts_ratings.head:RatingHead",
    featurizer="xstilts_ratings.featurizer",
    predictions="number",
    problem=lambda example, labels: None if example["text"] else "an empty text",
    gold="rating",
)
