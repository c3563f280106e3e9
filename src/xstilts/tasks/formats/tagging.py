"""tagging: words -> one tag each."""

from collections.abc import Sequence
from itertools import islice
from random import Random

from xstilts.numbering import counted
from xstilts.tasks.format import Example, Format, Predictions, Submission


def problem(example: Example, labels: Sequence[str]) -> str | None:
    """Return what is wrong with the example, or None."""
    tags = example["tags"]
    if not example["words"]:
        return "a sentence without words"
    if tags is None:
        return None
    if len(tags) != len(example["words"]):
        return f"{counted(len(tags), 'tag')} for {counted(len(example['words']), 'word')}"
    for word, tag in zip(example["words"], tags, strict=True):
        if tag not in labels:
            return f"unknown tag '{tag}' of the word '{word}', expected one of {', '.join(labels)}"
    return None


def shuffled(examples: Sequence[Example], random: Random) -> list[list[str]]:
    """The tags of all words in another order. Shuffled within sentences, they would still tell the kinds of words in each."""
    tags = [tag for example in examples for tag in example["tags"]]
    random.shuffle(tags)
    rest = iter(tags)
    return [list(islice(rest, len(example["words"]))) for example in examples]


def _write(rows: Predictions, language: str) -> str:
    """The tag of a word in each line, an empty line between sentences."""
    return "\n".join("".join(f"{tag}\n" for tag in row["prediction"]) for row in rows)


FORMAT = Format(
    name="tagging",
    fields={
        "id": "string",
        "language": "string",
        "words": ["string"],
        "tags": ["string"],  # as many as words, each one of the task's labels; null: no gold
    },
    head="xstilts.models.heads.tagging:TaggingHead",
    featurizer="xstilts.data.featurizers.tagging",
    predictions="tags",
    default_metric="tagging_f1",
    problem=problem,
    shuffled=shuffled,
    perturbed=("words",),
    gold="tags",
    gold_is_label=True,
    fewest_labels=1,
    labelled_items="words",
    shortest=3,
    transformers="TokenClassification",
    pipeline="token-classification",
    submission=Submission("tsv", _write, r"\S+", "a tag", is_list=True),
)
