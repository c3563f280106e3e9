"""What a type cannot say about a synthetic world: every problem of its declaration, one line each."""

import re
from collections.abc import Iterator
from dataclasses import fields

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.lexicon import SCRIPTS
from xstilts.errors import unknown_name

CHOICES: dict[str, tuple[str, ...]] = {
    "order": ("SVO", "SOV", "VSO"),
    "adjective": ("before", "after"),
    "adposition": ("before", "after"),
    "case": ("none", "suffix", "particle"),
    "plural": ("suffix", "prefix", "none"),
    "tense": ("suffix", "prefix", "particle"),
    "negation": ("before", "after", "suffix"),
    "question": ("front", "in_situ"),
    "time": ("first", "last"),
    "script": tuple(SCRIPTS),
}
"""Field of a language -> its values."""
SHARES_OF_LANGUAGE = ("overlap", "names")
SHARES = ("pivot_pairs", "questions", "habit", "task_habit", "negated")
NO_LANGUAGES = "data.world.languages: the synthetic world has no languages; type data=babel, which declares some"


def problems(world: WorldConfig) -> Iterator[str]:
    """One line for each thing that is wrong: what was got, what was expected."""
    if not world.languages:
        yield NO_LANGUAGES
    for number, (code, language) in enumerate(world.languages.items()):
        place = f"data.world.languages.{code}"
        if not re.fullmatch(r"[A-Za-z0-9-]+", code):
            yield f"data.world.languages: got the code '{code}', expected letters, digits and hyphens"
        yield from _of_language(place, language)
        if number == 0 and (own := _own(language)):
            yield f"{place}: got {', '.join(own)}, but the first language is the pivot, which has no values of its own"
    for name in SHARES:
        yield from _share(f"data.world.{name}", getattr(world, name))
    for name in ("stories", "pairs"):
        if getattr(world, name) < 1:
            yield f"data.world.{name}: got {getattr(world, name)}, expected 1 or more"
    if not 1 <= world.target_share <= 99:
        yield f"data.world.target_share: got {world.target_share}, expected 1 to 99 per cent"
    yield from _positive("data.world.rows", world.rows)


def _of_language(place: str, language: Language) -> Iterator[str]:
    for name, allowed in CHOICES.items():
        if (value := getattr(language, name)) not in allowed:
            yield unknown_name(f"{place}.{name}", value, allowed)
    for name in SHARES_OF_LANGUAGE:
        yield from _share(f"{place}.{name}", getattr(language, name))
    yield from _positive(f"{place}.text", language.text)


def _own(language: Language) -> list[str]:
    """The values in which a language differs from the pivot."""
    values = ((field.name, getattr(language, field.name)) for field in fields(Language))
    return [f"{name}={value}" for name, value in values if value != getattr(Language(), name)]


def _share(place: str, value: float) -> Iterator[str]:
    if not 0 <= value <= 1:
        yield f"{place}: got {value}, expected 0 to 1"


def _positive(place: str, value: float) -> Iterator[str]:
    if not 0 < value < float("inf"):
        yield f"{place}: got {value}, expected more than 0"
