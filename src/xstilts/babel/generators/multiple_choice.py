"""Multiple choice about the usual consequence of an event, knowledge that the stories of every language contain.

A wrong choice is another action of the same agent. For most wrong choices the prompt's patient is impossible; for the others it
is possible, but the action is not the usual consequence. So knowing the classes of actions helps, and knowing consequences
decides. Every action is correct equally often, whatever the agent's habits, and choices do not mention the patient: the choices
alone do not reveal the answer.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import NOUNS, VERB_GROUP, Event
from xstilts.babel.grammar import Speaker, text_of
from xstilts.babel.world import World


def examples(
    world: World, split: str, language: str, count: int, kind: str = "ending", choices: int = 3
) -> Iterator[dict[str, Any]]:
    """Yield `count` examples.

    `kind`: `ending` (the consequence), `reason` (the cause), `cause_effect` (either; the connective of the choices shows which)
    or `concept` (the noun that a hypernym refers to).
    """
    rng = world.rng("multiple_choice", kind, choices, split)
    make = _concept if kind == "concept" else _sequel
    for number in range(count):
        prompt, options = make(world, rng, split, kind, choices, world.speakers[language])
        label = number % choices
        options.insert(label, options.pop(0))
        yield {"id": f"{split}-{number}", "prompt": prompt, "choices": options, "label": label}


def _sequel(world: World, rng: random.Random, split: str, kind: str, choices: int, speaker: Speaker) -> tuple[str, list[str]]:
    """Return the prompt and its choices, the correct one first."""
    event = replace(world.draw(rng, split, habit=0), negated=False)
    backwards = kind == "reason" or (kind == "cause_effect" and rng.random() < 0.5)
    right = (world.cause_of if backwards else world.effect_of)(event)
    others = rng.sample([verb for verb in VERB_GROUP if verb != right.verb], choices - 1)
    link = "because" if backwards else "then"
    brief = [text_of(speaker.say(replace(right, verb=verb), ("agent", "verb"), link)) for verb in (right.verb, *others)]
    return text_of(speaker.say(event)), brief


def _concept(world: World, rng: random.Random, split: str, kind: str, choices: int, speaker: Speaker) -> tuple[str, list[str]]:
    """Return a clause with the hypernym of its patient, and nouns of several classes, the correct one first."""
    hypernym = rng.choice(tuple(NOUNS))
    event: Event = world.draw(rng, split)
    while event.patient not in NOUNS[hypernym]:
        event = world.draw(rng, split)
    others = rng.sample([other for other in NOUNS if other != hypernym], choices - 1)
    nouns = [event.patient, *(rng.choice(NOUNS[other]) for other in others)]
    clause = speaker.say(replace(event, number=None, adjective=None), general=("patient",))
    return text_of(clause), [speaker.lexicon.words[noun] for noun in nouns]
