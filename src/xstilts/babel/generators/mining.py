"""Bitext mining: the translation pairs that are hidden in two pools of sentences, as in BUCC."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.generators.matching import languages
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World

__all__ = ["examples", "languages"]


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """`count` sentences in the language and in the pivot; half of either pool has no translation in the other."""
    rng = world.rng("mining", split)
    told: dict[str, Any] = {}
    while len(told) < count + count // 2:
        event = world.draw(rng, split)
        told.setdefault(text_of(world.speakers[world.pivot].say(event)), event)
    events = list(told.values())
    own, common, pivot = events[: count // 2], events[count // 2 : count], events[count:]
    names = {event: f"{language}/{world.pivot}-{number}" for number, event in enumerate([*common, *pivot])}
    queries = [*own, *common]
    rng.shuffle(queries)
    for number, event in enumerate(queries):
        relevant = [names[event]] if event in common else []
        text = text_of(world.speakers[language].say(event))
        yield {"id": f"{language}/{number}", "side": "query", "text": text, "relevant": relevant}
    for event in rng.sample(list(names), len(names)):
        yield {"id": names[event], "side": "candidate", "text": text_of(world.speakers[world.pivot].say(event))}
