"""Paraphrase identification: two texts -> `same` or `different`.

`question`: two questions, as in QQP; one may leave out a constituent of the other. `sentence`: two clauses with the same words in
both texts, as in PAWS: roles are exchanged between the clauses, which a bag of words cannot show. Events follow no habits here,
because a change would break them and a single text would reveal the label.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import QUESTIONS, TIMES, Event, patients_of
from xstilts.babel.grammar import ROLES, Speaker, text_of
from xstilts.babel.world import World

LABELS = ("different", "same")


def examples(world: World, split: str, language: str, count: int, kind: str = "question") -> Iterator[dict[str, Any]]:
    """Yield `count` examples. `kind`: question or sentence."""
    rng = world.rng("paraphrase", kind, split)
    make = {"question": _questions, "sentence": _sentences}[kind]
    for number in range(count):
        label = LABELS[number % 2]
        first, second = make(world, rng, split, label == "same", world.speakers[language])
        yield {"id": f"{split}-{number}", "text_a": first, "text_b": second, "label": label}


def _questions(world: World, rng: random.Random, split: str, same: bool, speaker: Speaker) -> tuple[str, str]:
    event = replace(world.draw(rng, split, habit=0), adjective=None, number=None, negated=False)
    role = rng.choice(tuple(QUESTIONS))
    left_out = rng.choice([other for other in ROLES if other not in (role, "verb", "agent")])
    second, asked = event, role
    if not same:
        if rng.random() < 0.3:
            asked = rng.choice([other for other in QUESTIONS if other not in (role, left_out)])
        else:
            second = _changed(world, rng, event, [part for part in ROLES if part not in (role, left_out, "verb")])
    texts = [text_of(speaker.ask(event, role)), text_of(speaker.ask(second, asked, set(ROLES) - {left_out}))]
    rng.shuffle(texts)
    return texts[0], texts[1]


def _changed(world: World, rng: random.Random, event: Event, roles: list[str]) -> Event:
    """Return the event with another filler in one of the roles."""
    role = rng.choice(roles)
    fillers = {"agent": world.agents, "patient": patients_of(event.verb), "place": world.places, "time": TIMES}[role]
    new = rng.choice([filler for filler in fillers if filler != getattr(event, role)])
    return replace(event, **{role: new})  # type: ignore[arg-type]


def _sentences(world: World, rng: random.Random, split: str, same: bool, speaker: Speaker) -> tuple[str, str]:
    plain = {"adjective": None, "number": None, "negated": False}
    while True:
        a, b = (replace(world.draw(rng, split, habit=0), **plain) for _ in range(2))  # type: ignore[arg-type]
        if a.agent != b.agent and a.place != b.place and a.time != b.time:
            break
    first = [a, b]
    second = [a, b]
    if not same:
        role = rng.choice(("agent", "place", "time"))
        second = [replace(a, **{role: getattr(b, role)}), replace(b, **{role: getattr(a, role)})]
    if rng.random() < 0.5:
        second.reverse()
    return text_of(*map(speaker.say, first)), text_of(*map(speaker.say, second))
