"""Translation pairs for pretraining: one or two sentences of a story in two languages.

The share `WorldConfig.pivot_pairs` of them includes the pivot, the others include any other language. In the split `train` each
language has `WorldConfig.pairs` times its amount of text; a pair counts for the language that it is generated for.
"""

import random
from collections.abc import Iterator
from typing import Any

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.grammar import text_of
from xstilts.babel.stories import story
from xstilts.babel.world import World


def languages(config: WorldConfig) -> list[str]:
    """Return all languages but the pivot, which occurs in the pairs of the others."""
    return list(config.languages)[1:]


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield pairs of `text` and `translation`, one of them in `language`; the other language is drawn by its amount of text."""
    rng = world.rng("translation", split, language)
    if split == "train":
        count = max(1, round(world.config.pairs * world.config.languages[language].text))
    for number in range(count):
        sides = [language, _other(world, rng, language)]
        rng.shuffle(sides)
        sentences = story(world, rng, split)
        start = rng.randrange(len(sentences))
        chosen = sentences[start : start + rng.choice((1, 2))]
        first, second = (
            text_of(*(clause for sentence in chosen for clause in sentence.say(world.speakers[side]))) for side in sides
        )
        yield {"id": f"{split}-{number}", "text": first, "translation": second}


def _other(world: World, rng: random.Random, language: str) -> str:
    others = [code for code in world.config.languages if code not in (language, world.pivot)]
    if not others or rng.random() < world.config.pivot_pairs:
        return world.pivot
    return rng.choices(others, [world.config.languages[code].text for code in others])[0]
