"""Multiple choice about what usually follows: knowledge that the stories of every language hold.

A wrong choice is what would have followed from another event of the same kind, with the same agent and the same patient, and each
choice is as likely to be the right one, whatever the agent's habits: a glance at the choices alone gives nothing away.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import NOUNS, VERB_GROUP, VERBS, Event, split_of
from xstilts.babel.grammar import Speaker, text_of
from xstilts.babel.world import World

_BRIEF = ("agent", "verb", "patient")


def examples(
    world: World, split: str, language: str, count: int, kind: str = "ending", choices: int = 3
) -> Iterator[dict[str, Any]]:
    """`kind`: `ending` (what follows), `reason` (what was before), `reaction` (what follows from the second of two events),
    `cause_effect` (one or the other, as the connective of the choices says) or `concept` (what a hypernym stands for)."""
    rng = world.rng("multiple_choice", kind, choices, split)
    make = _concept if kind == "concept" else _sequel
    for number in range(count):
        prompt, options = make(world, rng, split, kind, choices, world.speakers[language])
        label = number % choices
        options.insert(label, options.pop(0))
        yield {"id": f"{split}-{number}", "prompt": prompt, "choices": options, "label": label}


def _sequel(world: World, rng: random.Random, split: str, kind: str, choices: int, speaker: Speaker) -> tuple[str, list[str]]:
    """The prompt and its choices, the right one first."""
    backwards = kind == "reason" or (kind == "cause_effect" and rng.random() < 0.5)
    event = replace(world.draw(rng, split), negated=False)
    verbs = rng.sample(VERBS[VERB_GROUP[event.verb]][0], choices)  # the first becomes the right one: each is as likely
    event = replace(event, verb=(world.consequence if backwards else world.cause)[verbs[0]])
    right = (world.what_caused if backwards else world.what_follows)(event)
    prompt = [speaker.say(event)]
    if kind == "reaction":
        prompt.insert(0, speaker.say(_unrelated(world, rng, split, event)))
    text = text_of(*prompt)
    link = "because" if backwards else "then"
    return text, [text_of(speaker.say(replace(right, verb=verb), _BRIEF, link)) for verb in verbs]


def _unrelated(world: World, rng: random.Random, split: str, event: Event) -> Event:
    """What the agent did before, of another kind: no choice follows from it, and no choice repeats it."""
    while True:
        other = replace(world.draw(rng, split), agent=event.agent)
        if VERB_GROUP[other.verb] != VERB_GROUP[event.verb] and split_of(other) == split:
            return other


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
