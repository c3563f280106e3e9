"""Bitext mining as in BUCC: two pools of sentences that contain some translation pairs."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.generators.matching import languages
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World

__all__ = ["examples", "languages"]


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` sentences in the language and in the pivot; half of each pool has no translation in the other."""
    rng = world.rng("mining", split)
    by_text: dict[str, Any] = {}
    while len(by_text) < count + count // 2:
        event = world.draw(rng, split)
        by_text.setdefault(text_of(world.speakers[world.pivot].say(event)), event)
    events = list(by_text.values())
    unpaired, common, pivot = events[: count // 2], events[count // 2 : count], events[count:]
    names = {event: f"{language}/{world.pivot}-{number}" for number, event in enumerate([*common, *pivot])}
    queries = [*unpaired, *common]
    rng.shuffle(queries)
    for number, event in enumerate(queries):
        relevant = [names[event]] if event in common else []
        text = text_of(world.speakers[language].say(event))
        yield {"id": f"{language}/{number}", "side": "query", "text": text, "relevant": relevant}
    for event in rng.sample(list(names), len(names)):
        yield {"id": names[event], "side": "candidate", "text": text_of(world.speakers[world.pivot].say(event))}
