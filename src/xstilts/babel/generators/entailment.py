"""Entailed sentences as in sentence encoders trained on NLI: a sentence retrieves a shorter one that follows from it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xstilts.babel.grammar import text_of
from xstilts.babel.world import World


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` queries, which tell an event, and as many candidates, which tell it without its place or without its time."""
    rng = world.rng("entailment", split)
    speaker = world.speakers[language]
    for number in range(count):
        event = replace(world.draw(rng, split, habit=0), negated=rng.random() < 0.5)
        candidate = f"{language}/{number}-0"
        given = {"agent", "verb", "patient", rng.choice(("place", "time"))}
        yield {"id": f"{language}/{number}", "side": "query", "text": text_of(speaker.say(event)), "relevant": [candidate]}
        yield {"id": candidate, "side": "candidate", "text": text_of(speaker.say(event, given))}
