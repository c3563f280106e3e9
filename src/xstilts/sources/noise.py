"""Character noise in test inputs: a control that shows how far scores depend on spelling. Labels and answers stay as they are."""

import logging
import unicodedata
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from xstilts.config import CharNoise
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of, formats

if TYPE_CHECKING:
    from datasets import Dataset

VERSION = 1
"""Increase it when the same options make other texts."""
EDITS = ("swap", "drop", "insert", "replace")
_LOGGER = logging.getLogger("xstilts")


def noise_problem(task: Task) -> str | None:
    """Return why the inputs of a task cannot have character noise, or None."""
    if format_of(task).perturbed:
        return None
    able = ", ".join(name for name, format in formats().items() if format.perturbed)
    return f"noise in a task of the format {task.format} would change its gold, expected one of {able}"


def script(letter: str) -> str:
    """Return the script of a letter, by the first word of its Unicode name: LATIN, CYRILLIC, CJK, ..."""
    return unicodedata.name(letter, "").partition(" ")[0]


def noisy_texts(texts: Sequence[str], rate: float, seed: int) -> tuple[list[str], int]:
    """Return texts that belong together, such as the words of a sentence, with typing errors, and the number of errors.

    Each letter has one with the probability `rate`, each kind with the same: it changes places with the next letter of its text,
    is dropped, has a letter inserted behind it, or is replaced. New letters are drawn from those of the texts in its script. If a
    kind is impossible, as at the end of a text or for its last letter, a letter is inserted. The same texts and `seed` always
    have the same errors, whatever the example and its place.
    """
    random = Random("\n".join([str(seed), *texts]))
    letters: dict[str, list[str]] = {}
    for letter in filter(str.isalpha, "".join(texts)):
        letters.setdefault(script(letter), []).append(letter)
    made, errors = [], 0
    for text in texts:
        characters, new, left = list(text), list[str](), sum(map(str.isalpha, text))
        for place, letter in enumerate(characters):
            if not letter.isalpha() or random.random() >= rate:
                new.append(letter)
                continue
            errors += 1
            kind, following = random.choice(EDITS), "".join(characters[place + 1 : place + 2])
            others = [other for other in letters[script(letter)] if other != letter] if kind == "replace" else []
            if kind == "swap" and following.isalpha() and following != letter:
                characters[place + 1] = letter  # enumerate goes on with it
                new.append(following)
            elif kind == "drop" and left > 1:
                left -= 1
            elif others:
                new.append(random.choice(others))
            else:
                new += [letter, random.choice(letters[script(letter)])]
        made.append("".join(new))
    return made, errors


def noisy(examples: "Dataset", task: Task, noise: CharNoise) -> "Dataset":
    """Return examples with character noise in the fields that their format declares as `perturbed`; candidates have none."""
    import pyarrow
    from datasets import Dataset

    format = format_of(task)
    counted = [format.counts(example) for example in examples.select_columns(format.candidate[0])] if format.candidate else None
    table, errors, letters = examples.with_format("arrow")[:], 0, 0
    for name in format.perturbed:
        values: list[Any] = examples[name][:]
        for row, value in enumerate(values):
            if value is None or (counted and not counted[row]):
                continue
            texts = value if isinstance(value, list) else [value]
            made, number = noisy_texts(texts, noise.rate, noise.seed)
            values[row] = made if isinstance(value, list) else made[0]
            errors, letters = errors + number, letters + sum(map(str.isalpha, "".join(texts)))
        field = format.features.arrow_schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pyarrow.array(values, field.type))
    _LOGGER.info("%s: character noise of seed %d in %d of %d letters", task.name, noise.seed, errors, letters)
    return Dataset(table)
