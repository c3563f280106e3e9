"""Stories of two events, the second often the usual consequence or cause of the first, and a question, a recap or nothing."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from xstilts.babel.concepts import QUESTIONS, Event
from xstilts.babel.grammar import Clause, Speaker
from xstilts.babel.world import World


@dataclass(frozen=True)
class Sentence:
    """A sentence of a story that can be rendered in any language; a question includes its answer."""

    say: Callable[[Speaker], list[Clause]]


def story(world: World, rng: random.Random, split: str = "train") -> list[Sentence]:
    """Draw the sentences of a story, with the same content in every language."""
    first = world.draw(rng, split, world.config.habit)
    events, sentences = [first], [_statement(first, None)]
    chance = rng.random()
    if chance < 0.45:
        events.append(world.effect_of(first))
        sentences.append(_statement(events[-1], "then"))
    elif chance < 0.65:
        events.append(world.cause_of(first))
        sentences.append(_statement(events[-1], "because"))
    else:
        events.append(world.draw(rng, split, world.config.habit))
        sentences.append(_statement(events[-1], None))
    if rng.random() < world.config.questions:
        sentences.append(_question(rng, rng.choice(events)))
    elif rng.random() < 0.7:
        sentences.append(_recap(rng, rng.choice(events)))
    return sentences


def _statement(event: Event, connective: str | None) -> Sentence:
    return Sentence(lambda speaker: [speaker.say(event, connective=connective)])


def _recap(rng: random.Random, event: Event) -> Sentence:
    """Repeat an earlier event, shorter and often with hypernyms."""
    roles = {"agent", "patient", *(role for role in ("place", "time") if rng.random() < 0.4)}
    general = {"patient", "place"} if rng.random() < 0.4 else set()
    return Sentence(lambda speaker: [speaker.say(event, roles, "so", general)])


def _question(rng: random.Random, event: Event) -> Sentence:
    role = rng.choice(tuple(QUESTIONS))
    return Sentence(lambda speaker: [speaker.ask(event, role), speaker.name(event, role)])
