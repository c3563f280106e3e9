"""Multiple choice about what usually follows: knowledge that the stories of every language hold.

A wrong choice is another action of the same agent. Most of them are not done to such things as the prompt's, some are but do not
follow: knowing the kinds of actions helps, and knowing what follows from what settles it. Every action is as often right as any
other, whatever the agent's habits, and choices do not say what it was done to: by themselves they give nothing away.
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
    """`kind`: `ending` (what follows), `reason` (what was before), `cause_effect` (one or the other, as the connective of the
    choices says) or `concept` (the noun that a hypernym stands for)."""
    rng = world.rng("multiple_choice", kind, choices, split)
    make = _concept if kind == "concept" else _sequel
    for number in range(count):
        prompt, options = make(world, rng, split, kind, choices, world.speakers[language])
        label = number % choices
        options.insert(label, options.pop(0))
        yield {"id": f"{split}-{number}", "prompt": prompt, "choices": options, "label": label}


def _sequel(world: World, rng: random.Random, split: str, kind: str, choices: int, speaker: Speaker) -> tuple[str, list[str]]:
    """The prompt and its choices, the right one first."""
    event = replace(world.draw(rng, split, habit=0), negated=False)
    backwards = kind == "reason" or (kind == "cause_effect" and rng.random() < 0.5)
    right = (world.what_caused if backwards else world.what_follows)(event)
    others = rng.sample([verb for verb in VERB_GROUP if verb != right.verb], choices - 1)
    link = "because" if backwards else "then"
    brief = [text_of(speaker.say(replace(right, verb=verb), ("agent", "verb"), link)) for verb in (right.verb, *others)]
    return text_of(speaker.say(event)), brief


def _concept(world: World, rng: random.Random, split: str, kind: str, choices: int, speaker: Speaker) -> tuple[str, list[str]]:
    """A clause that tells the patient by its hypernym, and nouns of several kinds."""
    hypernym = rng.choice(tuple(NOUNS))
    event: Event = world.draw(rng, split)
    while event.patient not in NOUNS[hypernym]:
        event = world.draw(rng, split)
    others = rng.sample([other for other in NOUNS if other != hypernym], choices - 1)
    nouns = [event.patient, *(rng.choice(NOUNS[other]) for other in others)]
    clause = speaker.say(replace(event, number=None, adjective=None), general=("patient",))
    return text_of(clause), [speaker.lexicon.words[noun] for noun in nouns]
