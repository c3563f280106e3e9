"""Sentence matching as in Tatoeba: a sentence retrieves its translation among sentences of the pivot."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World


def languages(config: WorldConfig) -> list[str]:
    """Return all languages but the pivot."""
    return list(config.languages)[1:]


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` queries in the language, and as many candidates in the pivot."""
    rng = world.rng("matching", split)
    events: dict[str, Any] = {}
    while len(events) < count:
        event = world.draw(rng, split)
        events.setdefault(text_of(world.speakers[world.pivot].say(event)), event)
    for number, (translation, event) in enumerate(events.items()):
        candidate = f"{language}/{world.pivot}-{number}"
        text = text_of(world.speakers[language].say(event))
        yield {"id": f"{language}/{number}", "side": "query", "text": text, "relevant": [candidate]}
        yield {"id": candidate, "side": "candidate", "text": translation}
