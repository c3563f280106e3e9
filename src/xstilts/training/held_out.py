"""Leave out test examples that are related to the examples which few-shot examples are drawn from.

Related are the members of one cluster (`xstilts.training.clusters`): an example and its translations, and the examples of its
language with the same premise, paragraph or prompt with theirs. Examples of another split have ids of their own, and are related
by their texts alone.
"""

import logging
from collections import Counter

from datasets import Dataset

from xstilts.errors import UserError
from xstilts.sources import TaskSource
from xstilts.sources.load import load
from xstilts.sources.splits import DataSplit
from xstilts.training.clusters import LanguageExamples, clusters, shared_texts

_LOGGER = logging.getLogger("xstilts")


def load_unrelated(source: TaskSource, split: DataSplit, held_out: DataSplit, first: int | None) -> Dataset:
    """Load the examples of a split that are not related to those held out; of each language the `first` so many (None: all).

    Which examples these are does not depend on the ones that are drawn. UserError if a language has none.
    """
    examples = load(source, split.expression, split.languages)
    rows = unrelated(source, examples, load(source, held_out.expression, held_out.languages), same=split.name == held_out.name)
    count, name = len(examples) - len(rows), f"{source.task.name}, {split.name}"
    _LOGGER.info("%s: left out %d of %d examples related to %s", name, count, len(examples), held_out.expression)
    languages, taken, kept = examples["language"][:], Counter[str](), []
    for row in rows:
        if first is None or taken[languages[row]] < first:
            taken[languages[row]] += 1
            kept.append(row)
    if nothing := [language for language in split.languages if not taken[language]]:
        raise UserError(
            f"{name}: every example in {', '.join(nothing)} is related to one of target.few_shot.split={held_out.expression}: "
            "take a smaller part of it"
        )
    return examples.select(kept)


def unrelated(source: TaskSource, examples: Dataset, held_out: Dataset, same: bool) -> list[int]:
    """Return the rows of `examples` that are related to none of `held_out`, which has one language.

    `same`: both are of one split, so that an id names one example in both.
    """
    own, held_ids = held_out["language"][0], held_out["id"][:]
    held = LanguageExamples(own, held_ids if same else [f"held out {name}" for name in held_ids], _texts(source, held_out))
    rows_of: dict[str, list[int]] = {own: []}
    for row, language in enumerate(examples["language"][:]):
        rows_of.setdefault(language, []).append(row)
    parts = [_part(source, language, examples.select(rows)) for language, rows in rows_of.items()]
    parts[0] = LanguageExamples(own, [*held.ids, *parts[0].ids], [*(held.shared or ()), *(parts[0].shared or ())])
    found = clusters(parts, source.declared.translated)
    gone, found[0] = set(found[0][: len(held_ids)]), found[0][len(held_ids) :]
    places = zip(rows_of.values(), found, strict=True)
    return sorted(row for rows, names in places for row, cluster in zip(rows, names, strict=True) if cluster not in gone)


def _part(source: TaskSource, language: str, examples: Dataset) -> LanguageExamples:
    return LanguageExamples(language, examples["id"][:], _texts(source, examples))


def _texts(source: TaskSource, examples: Dataset) -> list[str | None]:
    return shared_texts(source.task, examples) or [None] * len(examples)
