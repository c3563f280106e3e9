"""Sentence matching: a sentence finds its translation among the pivot's sentences, as in Tatoeba."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World


def languages(config: WorldConfig) -> list[str]:
    """All but the pivot."""
    return list(config.languages)[1:]


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """`count` queries in the language, and as many candidates in the pivot."""
    rng = world.rng("matching", split)
    told: dict[str, Any] = {}
    while len(told) < count:
        event = world.draw(rng, split)
        told.setdefault(text_of(world.speakers[world.pivot].say(event)), event)
    for number, (translation, event) in enumerate(told.items()):
        candidate = f"{language}/{world.pivot}-{number}"
        text = text_of(world.speakers[language].say(event))
        yield {"id": f"{language}/{number}", "side": "query", "text": text, "relevant": [candidate]}
        yield {"id": candidate, "side": "candidate", "text": translation}
