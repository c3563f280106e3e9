"""Check the declaration of a synthetic world beyond its types: one line for each problem."""

import re
from collections.abc import Iterator
from dataclasses import fields

from xstilts import bounds
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
NO_LANGUAGES = "data.world.languages: the synthetic world has no languages; type data=babel, which declares some"


def problems(world: WorldConfig) -> Iterator[str]:
    """Yield a line for each problem: the value and what was expected."""
    yield from bounds.problems("data.world", world)
    if not world.languages:
        yield NO_LANGUAGES
    for number, (code, language) in enumerate(world.languages.items()):
        place = f"data.world.languages.{code}"
        if not re.fullmatch(r"[A-Za-z0-9-]+", code):
            yield f"data.world.languages: got the code '{code}', expected letters, digits and hyphens"
        yield from _language_problems(place, language)
        if number == 0 and (changed := _differences_from_pivot(language)):
            yield f"{place}: got {', '.join(changed)}, but the first language is the pivot: leave its values out"


def _language_problems(place: str, language: Language) -> Iterator[str]:
    for name, allowed in CHOICES.items():
        if (value := getattr(language, name)) not in allowed:
            yield unknown_name(f"{place}.{name}", value, allowed)


def _differences_from_pivot(language: Language) -> list[str]:
    """Return the values in which a language differs from the pivot, as `name=value`."""
    values = ((field.name, getattr(language, field.name)) for field in fields(Language))
    return [f"{name}={value}" for name, value in values if value != getattr(Language(), name)]
