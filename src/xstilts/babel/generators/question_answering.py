"""Extractive question answering: a context describes some events, and a question asks for a constituent of one of them.

All events of a context differ in every role, so that the role alone leaves as many possible answers as there are events.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from xstilts.babel.concepts import QUESTIONS, TIMES, Event, split_of
from xstilts.babel.grammar import ROLES, Speaker, text_of
from xstilts.babel.world import World


def examples(
    world: World, split: str, language: str, count: int, difficulty: int = 1, given: int = 4, unanswerable: float = 0.0
) -> Iterator[dict[str, Any]]:
    """Yield `count` examples with `difficulty` + 1 events per context.

    A question mentions `given` (3 or 4) of the other constituents. For the share `unanswerable` of questions, one of these is not
    in the context.
    """
    rng = world.rng("question_answering", split, difficulty, given, unanswerable)
    speaker = world.speakers[language]
    for number in range(count):
        context = distinct_events(world, rng, split, difficulty + 1)
        asked = rng.choice(context)
        role = rng.choice(tuple(QUESTIONS))
        roles = rng.sample([other for other in ROLES if other != role], given)
        if rng.random() < unanswerable and (absent := _absent(world, context, asked, roles, split)):
            asked = rng.choice(absent)
        question = speaker.ask(asked, role, roles)
        yield {
            "id": f"{split}-{number}",
            "question": text_of(question),
            "context": text_of(*(speaker.say(event) for event in context)),
            "answers": [_answer(speaker, context, asked, role)] if asked in context else [],
        }


def distinct_events(world: World, rng: Random, split: str, count: int) -> list[Event]:
    """Draw `count` events, no two of which have a constituent in common."""
    events: list[Event] = []
    while len(events) < count:
        event = replace(world.draw(rng, split), negated=False)
        if all(getattr(event, role) != getattr(other, role) for other in events for role in ROLES):
            events.append(event)
    return events


def _absent(world: World, context: list[Event], asked: Event, roles: list[str], split: str) -> list[Event]:
    """Return the events of the split that differ from `asked` in one of the roles, by a filler that is not in the context."""
    fillers = {"agent": world.agents, "place": world.places, "time": TIMES}
    others = [
        replace(asked, **{role: filler})  # type: ignore[arg-type]
        for role in fillers.keys() & set(roles)
        for filler in fillers[role]
        if all(getattr(event, role) != filler for event in context)
    ]
    return sorted((event for event in others if split_of(event) == split), key=repr)


def _answer(speaker: Speaker, context: list[Event], asked: Event, role: str) -> dict[str, Any]:
    """Return the constituent without adposition and determiner, and its first character in the context."""
    position = 0
    for event in context:
        for word in speaker.say(event):
            if event == asked and word.role == role and word.part_of_speech not in ("ADP", "DET"):
                return {"text": speaker.short(asked, role), "start": position}
            position += len(word.text) + 1
    raise AssertionError("the event asked for is in the context")
