"""classification: a text or a pair of texts -> one label."""

from collections.abc import Sequence
from random import Random

from xstilts.tasks.format import Example, Format, Predictions, Submission


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    if not example["text_a"]:
        return "an empty first text"
    if example["label"] is not None and example["label"] not in labels:
        return f"unknown label '{example['label']}', expected one of {', '.join(labels)}"
    return None


def shuffled(examples: Sequence[Example], random: Random) -> list[str]:
    """The labels in another order."""
    labels = [example["label"] for example in examples]
    random.shuffle(labels)
    return labels


def _write(rows: Predictions, language: str) -> str:
    """The label of an example in each line."""
    return "".join(f"{row['prediction']}\n" for row in rows)


FORMAT = Format(
    name="classification",
    fields={
        "id": "string",
        "language": "string",
        "text_a": "string",
        "text_b": "string",  # null: a single text
        "label": "string",  # one of the task's labels; null: no gold
        "genre": "string",  # the kind of text, which bins of a data map have in the same shares; null: unknown
    },
    head="xstilts.models.heads.classification:ClassificationHead",
    featurizer="xstilts.data.featurizers.classification",
    predictions="label",
    default_metric="accuracy",
    problem=problem,
    shuffled=shuffled,
    perturbed=("text_a", "text_b"),
    gold="label",
    may_be_null=("text_b", "genre"),
    shared=("text_a",),  # a premise, the first of two sentences
    gold_is_label=True,
    fewest_labels=2,
    has_data_map=True,
    transformers="SequenceClassification",
    pipeline="text-classification",
    submission=Submission("tsv", _write, r"[^\r\n]+", "a label"),
)
