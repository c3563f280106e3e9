"""mlm: plain text, one line per example, or a pair of translations; the masked tokens are to be restored."""

from collections.abc import Sequence

from xstilts.tasks.format import Example, Format


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    return None if example["text"].strip() else "an empty text"


FORMAT = Format(
    name="mlm",
    fields={
        "id": "string",
        "language": "string",  # of `text`
        "text": "string",
        "translation": "string",  # the same in another language: a pair for translation language modelling; null: none
    },
    head="xstilts.models.heads.mlm:MaskedLanguageModelHead",
    featurizer="xstilts.data.featurizers.mlm",
    predictions="likelihood",
    default_metric="perplexity",
    problem=problem,
    may_be_null=("translation",),
    masks=True,
    transformers="MaskedLM",
    pipeline="fill-mask",
)
