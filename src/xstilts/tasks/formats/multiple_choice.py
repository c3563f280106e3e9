"""multiple_choice: a prompt and k choices -> the index of one; k may differ by example."""

import json
from collections.abc import Sequence
from random import Random

from xstilts.numbering import counted
from xstilts.tasks.format import Example, Format, Predictions, Submission


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    count = len(example["choices"])
    if count < 2:
        return f"{counted(count, 'choice')}, expected two or more"
    if example["label"] is not None and not 0 <= example["label"] < count:
        return f"label {example['label']} is not the index of one of {count} choices"
    return None


def shuffled(examples: Sequence[Example], random: Random) -> list[int]:
    """The numbers of right choices, in another order among the examples with as many choices."""
    by_count: dict[int, list[int]] = {}
    for example in examples:
        by_count.setdefault(len(example["choices"]), []).append(example["label"])
    for labels in by_count.values():
        random.shuffle(labels)
    return [by_count[len(example["choices"])].pop() for example in examples]


def _write(rows: Predictions, language: str) -> str:
    """An object with the number of the choice, from 0, in each line."""
    return "".join(json.dumps({"label": row["prediction"]}) + "\n" for row in rows)


FORMAT = Format(
    name="multiple_choice",
    fields={
        "id": "string",
        "language": "string",
        "prompt": "string",
        "context": "string",  # the part of the prompt that other questions have, too; null: none
        "choices": ["string"],
        "label": "int32",  # index into `choices`; null: no gold
    },
    head="xstilts.models.heads.multiple_choice:MultipleChoiceHead",
    featurizer="xstilts.data.featurizers.multiple_choice",
    predictions="label",
    default_metric="accuracy",
    problem=problem,
    shuffled=shuffled,
    perturbed=("prompt", "choices"),
    gold="label",
    may_be_null=("context",),
    shared=("context", "prompt"),
    gold_is_label=True,
    has_data_map=True,
    rows=4,  # SWAG, HellaSwag and Cosmos QA have four choices
    transformers="MultipleChoice",
    submission=Submission("jsonl", _write, is_number=True),
)
