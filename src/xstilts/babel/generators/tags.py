"""Tagging of the words of a clause: `part_of_speech` (UD), `entity` (BIO) or `category` (CCG)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import ADJECTIVES, PLACE_CLASS, QUESTIONS, TIMES, VERB_GROUP, Event, patients_of
from xstilts.babel.declaration import WorldConfig
from xstilts.babel.grammar import CONNECTIVES, ROLES, Clause
from xstilts.babel.world import World


def labels(config: WorldConfig) -> list[str]:
    """Return every CCG category that occurs in clauses of the world's languages, sorted."""
    verb, place = next(iter(VERB_GROUP)), next(iter(PLACE_CLASS))
    plain = Event("person0", verb, patients_of(verb)[0], place, TIMES[0])
    categories: set[str] = set()
    for speaker in World(config).speakers.values():
        for event in (plain, replace(plain, negated=True, adjective=ADJECTIVES[0], number=2, place="city0")):
            clauses = [speaker.say(event, connective=word) for word in CONNECTIVES] + [
                speaker.ask(event, role) for role in QUESTIONS
            ]
            categories |= {word.category for clause in clauses for word in clause}
    return sorted(categories)


def examples(world: World, split: str, language: str, count: int, kind: str = "part_of_speech") -> Iterator[dict[str, Any]]:
    """Yield `count` examples. `kind`: part_of_speech, entity or category."""
    rng = world.rng("tags", kind, split)
    speaker = world.speakers[language]
    for number in range(count):
        event = world.draw(rng, split)
        roles = {"agent", "patient", *(role for role in ROLES if rng.random() < 0.8)}
        form = rng.random()
        clause: Clause
        if form < 0.2:
            clause = speaker.ask(event, rng.choice(tuple(QUESTIONS)), roles)
        else:
            clause = speaker.say(event, roles, rng.choice(CONNECTIVES) if form < 0.4 else None)
        yield {
            "id": f"{split}-{number}",
            "words": [word.text for word in clause],
            "tags": [getattr(word, kind) for word in clause],
        }
