"""Natural language inference: a premise and a hypothesis -> contradiction, entailment or neutral.

The hypothesis is drawn first and the premise is then adapted to the label, so that the hypothesis alone does not reveal the
label. Neither does the premise: events follow no habits that a change would break, and half of the hypotheses are negated.
Neutral: another event by another agent. Contradiction: another patient, place or time, or the negated event.
"""

import random
from collections.abc import Iterator, Set
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import HYPERNYM, TIMES, Event, patients_of
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World

LABELS = ("contradiction", "entailment", "neutral")


def examples(world: World, split: str, language: str, count: int, difficulty: int = 2) -> Iterator[dict[str, Any]]:
    """Yield `count` examples.

    `difficulty` 1: the hypothesis repeats words of the premise; 2: half of the hypotheses are negated; 3: also hypernyms, a
    second event in the premise, and neutral premises about the same agent.
    """
    rng = world.rng("inference", split, difficulty)
    speaker = world.speakers[language]
    for number in range(count):
        label = LABELS[number % 3]
        given = {"agent", "verb", "patient", rng.choice(("place", "time"))}
        general = {role for role in ("patient", "place") if difficulty > 2 and role in given and rng.random() < 0.3}
        # No hypernyms with a negation: "did not wash the dog" does not entail "did not wash an animal".
        negated = difficulty > 1 and not general and rng.random() < 0.5
        event = replace(world.draw(rng, split, habit=0), adjective=None, number=None, negated=negated)
        premise = [_premise(world, rng, split, event, label, given, general, difficulty)]
        if difficulty > 2:
            premise.append(_distractor(world, rng, split, premise[0]))
            rng.shuffle(premise)
        yield {
            "id": f"{split}-{number}",
            "text_a": text_of(*(speaker.say(part) for part in premise)),
            "text_b": text_of(speaker.say(event, given, general=general)),
            "label": label,
        }


def _premise(
    world: World, rng: random.Random, split: str, event: Event, label: str, given: Set[str], general: Set[str], difficulty: int
) -> Event:
    if label == "entailment":
        return event
    if label == "neutral":
        other = _another(world, rng, split, event)
        return replace(other, agent=event.agent) if difficulty > 2 and rng.random() < 0.5 else other
    changeable = [role for role in ("patient", "place", "time") if role in given]
    changed = rng.choice(["negated", *changeable] if difficulty > 1 and not general else changeable)
    if changed == "negated":
        return replace(event, negated=not event.negated)
    if changed == "time":
        return replace(event, time=rng.choice([time for time in TIMES if time != event.time]))
    old = getattr(event, changed)
    choices = patients_of(event.verb) if changed == "patient" else world.places
    kind = HYPERNYM.get(old, old)
    others = [new for new in choices if new != old and (changed not in general or HYPERNYM.get(new, new) != kind)]
    new = rng.choice(others)
    return replace(event, patient=new) if changed == "patient" else replace(event, place=new)


def _another(world: World, rng: random.Random, split: str, event: Event) -> Event:
    """Draw an event with another agent and another verb, negated if `event` is."""
    while True:
        other = replace(world.draw(rng, split, habit=0), adjective=None, number=None, negated=event.negated)
        if other.agent != event.agent and other.verb != event.verb:
            return other


def _distractor(world: World, rng: random.Random, split: str, event: Event) -> Event:
    """Draw an event with another agent and verb, but at the place or time of the premise."""
    other = _another(world, rng, split, event)
    return replace(other, place=event.place) if rng.random() < 0.5 else replace(other, time=event.time)
