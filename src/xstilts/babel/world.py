"""The events of a synthetic world: draw them, and know the habits of agents and the usual consequences of verbs.

Everything is determined by `WorldConfig`. Random seeds include names, so that no part shifts the random numbers of another.
"""

import random
from dataclasses import dataclass, replace
from functools import cached_property

from xstilts.babel.concepts import (
    ADJECTIVES,
    CITIES,
    CONCEPTS,
    NAMES,
    NUMBERS,
    ORGANISATIONS,
    PEOPLE,
    PLACE_CLASS,
    TIMES,
    VERB_GROUP,
    VERBS,
    Event,
    patients_of,
    split_of,
)
from xstilts.babel.declaration import WorldConfig
from xstilts.babel.grammar import Speaker
from xstilts.babel.lexicon import lexicons

VERSION = 1
"""Increase it whenever the same config would produce other text or other examples."""


@dataclass(frozen=True)
class Habit:
    """The usual verbs, places and time of an agent."""

    verbs: tuple[str, ...]
    places: tuple[str, ...]
    time: str


class World:
    """Draws events, and returns their consequences and a speaker of every language."""

    def __init__(self, config: WorldConfig) -> None:
        self.config = config
        self.pivot = next(iter(config.languages))
        rng = random.Random(f"{config.seed}-world")
        self.agents = (*PEOPLE, *ORGANISATIONS)
        self.places = (*PLACE_CLASS, *CITIES)
        self.consequence: dict[str, str] = {}
        """Verb -> the verb that usually follows; a cycle through each group, so that each verb follows exactly one other."""
        for verbs, _ in VERBS:
            cycle = rng.sample(verbs, len(verbs))
            self.consequence |= dict(zip(cycle, cycle[1:] + cycle[:1], strict=True))
        self.cause = {after: before for before, after in self.consequence.items()}
        self.habits = {
            agent: Habit(tuple(rng.sample(list(VERB_GROUP), 4)), tuple(rng.sample(self.places, 2)), rng.choice(TIMES))
            for agent in self.agents
        }
        self.usual_patients = {verb: tuple(rng.sample(patients_of(verb), 4)) for verb in VERB_GROUP}

    @cached_property
    def speakers(self) -> dict[str, Speaker]:
        """Language -> its speaker, which renders events in it."""
        words = lexicons(self.config, CONCEPTS, NAMES)
        return {code: Speaker(language, words[code]) for code, language in self.config.languages.items()}

    def rng(self, *names: object) -> random.Random:
        """Return a random generator whose seed is the world's seed and these names."""
        return random.Random("-".join(map(str, (self.config.seed, *names))))

    def draw(self, rng: random.Random, split: str, habit: float | None = None) -> Event:
        """Draw an event of the split. `habit` is the probability of the agent's habits; the default is `task_habit`."""
        while True:
            event = self._any(rng, self.config.task_habit if habit is None else habit)
            if split_of(event) == split:
                return event

    def _any(self, rng: random.Random, habit: float) -> Event:
        agent = rng.choice(self.agents)
        usual = self.habits[agent]
        verb = rng.choice(usual.verbs if rng.random() < habit else tuple(VERB_GROUP))
        patients = self.usual_patients[verb] if rng.random() < habit else patients_of(verb)
        place = rng.choice(usual.places if rng.random() < habit else self.places)
        return Event(
            agent=agent,
            verb=verb,
            patient=rng.choice(patients),
            place=place,
            time=usual.time if rng.random() < habit else rng.choice(TIMES),
            adjective=rng.choice(ADJECTIVES) if rng.random() < 0.3 else None,
            number=rng.choice(NUMBERS) if rng.random() < 0.2 else None,
            negated=rng.random() < self.config.negated,
        )

    def effect_of(self, event: Event) -> Event:
        """Return the usual consequence: same agent, patient, place and time, with the verb that usually follows."""
        return replace(event, verb=self.consequence[event.verb], adjective=None, number=None, negated=False)

    def cause_of(self, event: Event) -> Event:
        """Return the usual cause of `event`."""
        return replace(event, verb=self.cause[event.verb], adjective=None, number=None, negated=False)
