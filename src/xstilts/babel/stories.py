"""Stories: two events, the second often what usually follows, and then a question with its answer, or a recap, or nothing."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from xstilts.babel.concepts import QUESTIONS, Event
from xstilts.babel.grammar import Clause, Speaker
from xstilts.babel.world import World


@dataclass(frozen=True)
class Sentence:
    """One sentence of a story, to be said in any language; a question's answer belongs to it."""

    say: Callable[[Speaker], list[Clause]]


def story(world: World, rng: random.Random, split: str = "train") -> list[Sentence]:
    """The sentences of one story, the same in every language."""
    first = world.draw(rng, split, world.config.habit)
    told, sentences = [first], [_statement(first, None)]
    chance = rng.random()
    if chance < 0.45:
        told.append(world.what_follows(first))
        sentences.append(_statement(told[-1], "then"))
    elif chance < 0.65:
        told.append(world.what_caused(first))
        sentences.append(_statement(told[-1], "because"))
    else:
        told.append(world.draw(rng, split, world.config.habit))
        sentences.append(_statement(told[-1], None))
    if rng.random() < world.config.questions:
        sentences.append(_question(rng, rng.choice(told)))
    elif rng.random() < 0.7:
        sentences.append(_recap(rng, rng.choice(told)))
    return sentences


def _statement(event: Event, connective: str | None) -> Sentence:
    return Sentence(lambda speaker: [speaker.say(event, connective=connective)])


def _recap(rng: random.Random, event: Event) -> Sentence:
    """An earlier event once more: shorter, and often in general terms."""
    roles = {"agent", "patient", *(role for role in ("place", "time") if rng.random() < 0.4)}
    general = {"patient", "place"} if rng.random() < 0.4 else set()
    return Sentence(lambda speaker: [speaker.say(event, roles, "so", general)])


def _question(rng: random.Random, event: Event) -> Sentence:
    role = rng.choice(tuple(QUESTIONS))
    return Sentence(lambda speaker: [speaker.ask(event, role), speaker.name(event, role)])
